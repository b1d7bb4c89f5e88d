/** What this browser prefers; kept in its local storage, and set as attributes of the document. */

export type Theme = "system" | "light" | "dark";

export interface Appearance {
  readonly theme: Theme;
  readonly contrast: boolean;
  /** Single-key shortcuts. */
  readonly keys: boolean;
  /** Browser notifications for new requests. */
  readonly notify: boolean;
  /** A sound for new requests. */
  readonly sound: boolean;
}

const STORAGE_KEY = "postern.appearance";
const usual: Appearance = { theme: "system", contrast: false, keys: true, notify: false, sound: false };

export function readAppearance(): Appearance {
  try {
    const stored: Partial<Appearance> = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "{}");
    const theme = stored.theme === "light" || stored.theme === "dark" ? stored.theme : "system";
    return {
      theme,
      contrast: stored.contrast === true,
      keys: stored.keys !== false,
      notify: stored.notify === true,
      sound: stored.sound === true,
    };
  } catch {
    // Storage may be switched off, or hold something else's text.
    return usual;
  }
}

export function writeAppearance(appearance: Appearance): void {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(appearance));
  } catch {
    // It then lasts for this page only.
  }
  applyAppearance(appearance);
}

/** Whoever has asked the system for more contrast need not ask again here. */
const systemContrast = matchMedia("(prefers-contrast: more)");

export function applyAppearance(appearance: Appearance = readAppearance()): void {
  const { dataset } = document.documentElement;
  dataset.theme = appearance.theme;
  dataset.contrast = appearance.contrast || systemContrast.matches ? "more" : "usual";
}

export function followSystem(): void {
  systemContrast.addEventListener("change", () => applyAppearance());
}
