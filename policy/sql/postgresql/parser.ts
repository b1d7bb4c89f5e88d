/**
 * PostgreSQL's own parser as WebAssembly (libpg-query). The package's ready-made wrapper holds one instance for
 * good; a parse that overflows the stack breaks its instance, so instances are kept here and replaced.
 *
 * The package finds its .wasm by its own path. A compiled binary carries node_modules, and so needs no --include.
 */
import type { ParseResult, RawStmt } from "libpg-query";
import factory from "libpg-query/wasm/libpg-query.js";

interface Instance {
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, pointer: number, bytesMax: number): void;
  UTF8ToString(pointer: number): string;
  getValue(pointer: number, type: "i32"): number;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _wasm_parse_query_raw(pointer: number): number;
  _wasm_free_parse_result(pointer: number): void;
  _wasm_scan(pointer: number): number;
  _wasm_free_string(pointer: number): void;
}

const create = factory as unknown as () => Promise<Instance>;

export type Parsed =
  | { readonly statements: readonly RawStmt[] }
  /** `position` in characters from 1; 0 where unknown. `broken` when the parser itself gave up. */
  | { readonly error: string; readonly position: number; readonly broken: boolean };

let current: Instance | null = null;
let spare: Instance | null = null;
let loading: Promise<void> | null = null;

/** Loads the parser and a spare. Call before `parse`; later calls are free. */
export async function loadParser(): Promise<void> {
  if (current !== null) return;
  loading ??= create().then((instance) => {
    current = instance;
    makeSpare();
  });
  await loading;
}

function makeSpare(): void {
  create().then((instance) => {
    if (current === null) current = instance;
    else spare = instance;
  }, () => {
    // Without a spare the next breakdown leaves no parser, and then everything is refused: see below.
  });
}

/**
 * The tree of a text; the text has passed text_limits.ts (no NUL: a C string would end there). Never throws.
 */
export function parse(text: string): Parsed {
  if (text === "") return { statements: [] };
  const instance = current;
  if (instance === null) return { error: "the parser is not ready", position: 0, broken: true };
  try {
    return parseWith(instance, text);
  } catch {
    current = spare;
    spare = null;
    makeSpare();
    return { error: "the parser ran out of room", position: 0, broken: true };
  }
}

/** A token of PostgreSQL's scanner. Offsets in bytes of UTF-8. */
export interface ScannedToken {
  readonly start: number;
  readonly end: number;
  readonly tokenName: string;
  readonly keywordName: string;
}

/** The tokens of a text that has passed text_limits.ts; null where it has none, or the parser is not ready. Never throws. */
export function scan(text: string): readonly ScannedToken[] | null {
  if (current === null) return null;
  try {
    const bytes = current.lengthBytesUTF8(text) + 1;
    const query = current._malloc(bytes);
    current.stringToUTF8(text, query, bytes);
    const result = current._wasm_scan(query);
    const json = current.UTF8ToString(result);
    current._wasm_free_string(result);
    current._free(query);
    return (JSON.parse(json) as { tokens: ScannedToken[] }).tokens;
  } catch {
    // An unfinished string is answered with a text that is no JSON.
    return null;
  }
}

/** Layout of the result: three 32-bit pointers, to the tree's JSON, to stderr's text, and to the error or 0. */
function parseWith(instance: Instance, text: string): Parsed {
  const bytes = instance.lengthBytesUTF8(text) + 1;
  const query = instance._malloc(bytes);
  instance.stringToUTF8(text, query, bytes);
  const result = instance._wasm_parse_query_raw(query);
  const tree = instance.getValue(result, "i32");
  const error = instance.getValue(result + 8, "i32");
  // The error's fields: message, function, file, line, cursor position from 1, context.
  const parsed: Parsed = error === 0 ? { statements: treeOf(instance.UTF8ToString(tree)) } : {
    error: instance.UTF8ToString(instance.getValue(error, "i32")),
    position: instance.getValue(error + 16, "i32"),
    broken: false,
  };
  instance._free(query);
  instance._wasm_free_parse_result(result);
  return parsed;
}

function treeOf(json: string): readonly RawStmt[] {
  return (JSON.parse(json) as ParseResult).stmts ?? [];
}
