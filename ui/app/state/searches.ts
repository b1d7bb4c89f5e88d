/** Searches that somebody keeps, in this browser: a name and the query of the address. */
const STORAGE_KEY = "postern.searches";
const KEPT_MAX = 50;

export interface KeptSearch {
  readonly name: string;
  readonly query: string;
}

export function readSearches(): readonly KeptSearch[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isKept).slice(0, KEPT_MAX) : [];
  } catch {
    // Storage may be switched off, or hold something else's text.
    return [];
  }
}

function isKept(one: Partial<KeptSearch> | null): one is KeptSearch {
  return typeof one?.name === "string" && typeof one.query === "string";
}

/** The new list. One of the same name is replaced. */
export function keepSearch(kept: KeptSearch): readonly KeptSearch[] {
  return write([kept, ...readSearches().filter(({ name }) => name !== kept.name)]);
}

export function dropSearch(name: string): readonly KeptSearch[] {
  return write(readSearches().filter((one) => one.name !== name));
}

function write(searches: readonly KeptSearch[]): readonly KeptSearch[] {
  const kept = searches.slice(0, KEPT_MAX);
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(kept));
  } catch {
    // It then lasts for this page only.
  }
  return kept;
}
