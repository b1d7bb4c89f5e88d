/** Runs before the first paint, so that a chosen theme never flashes in the other one. */
import { applyAppearance } from "./state/appearance.ts";

applyAppearance();
