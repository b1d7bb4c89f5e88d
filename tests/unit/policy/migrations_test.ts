/** Stores out there have taken the first steps, as they were: a step is never changed, moved or put between others. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { migrations } from "../../../policy/store/migrations.ts";

/** A new step adds its own at the end, and touches no other. */
const taken = [
  "1bf40efa6fdc",
  "4edd7ff9a086",
  "2ca9f27b2352",
  "70e893dc64aa",
  "5104615a6b17",
  "ad5fc721e20c",
  "7d34f676924e",
  "e4ec2e6dd976",
  "2d38b163ba98",
  "0764b42ba935",
  "7595ad96c436",
];

Deno.test("a new step of the schema comes after those that stores have taken already", () => {
  const now = migrations.map((step) => hash("sha256", JSON.stringify(step), "hex").slice(0, 12));
  assert.deepEqual(now, taken);
});
