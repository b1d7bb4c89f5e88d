/** Config text -> plain data, with a position for every path. YAML 1.2, and only as much of it as a config needs. */
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from "yaml";

/** What keeps a config from being used. Lines and columns count from 1. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  /** `targets.orders.port`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

export type Path = readonly PropertyKey[];

export interface Source {
  /** What the text says, as far as it can be read. */
  readonly data: unknown;
  readonly problems: readonly Problem[];
  /** Of the value at a path, or of the key of the nearest one around it that exists. */
  locate(path: Path, message: string): Problem;
  /** Of a key within the map at a path. */
  locateKey(path: Path, key: string, message: string): Problem;
}

const textLengthMax = 1024 * 1024;
const depthMax = 40;
/** How often anchored nodes may be repeated in all. */
const aliasesMax = 50;

/** These reach an object's prototype in careless code; no config needs them as names. */
const refusedKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

export function readSource(text: string): Source {
  const counter = new LineCounter();
  const at = (offset: number, path: Path, message: string): Problem => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col), path: showPath(path), message };
  };
  const failed = (offset: number, message: string): Source => {
    const problem = at(offset, [], message);
    return { data: undefined, problems: [problem], locate: () => problem, locateKey: () => problem };
  };
  if (text.length > textLengthMax) {
    return failed(0, `is ${text.length} characters long; at most ${textLengthMax} are read`);
  }
  if (tooDeep(text)) return failed(0, `nests more than ${depthMax} levels deep`);
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: counter,
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: true,
      resolveKnownTags: false,
      version: "1.2",
      logLevel: "error",
    });
  } catch {
    return failed(0, "cannot be read as YAML");
  }
  const problems = [...document.errors, ...document.warnings].map(({ pos, message }) =>
    at(pos[0], [], `is not YAML that Postern reads: ${message}`)
  );
  problems.push(...refusals(document, at));
  return {
    ...toData(document, problems, at),
    problems,
    locate: (path, message) => at(offsetOf(document, path), path, message),
    locateKey: (path, key, message) => at(keyOffset(document, path, key), [...path, key], message),
  };
}

type At = (offset: number, path: Path, message: string) => Problem;

/** The parser recurses per level, so brackets are counted before; indentation is bounded by the text's length. */
function tooDeep(text: string): boolean {
  let depth = 0;
  for (const char of text) {
    if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth = Math.max(0, depth - 1);
    if (depth > depthMax) return true;
  }
  return /^[ \t]*(?:[-?][ \t]+){41}/m.test(text);
}

function refusals(document: Document.Parsed, at: At): Problem[] {
  const found: Problem[] = [];
  visit(document, {
    Pair(_, { key }) {
      if (!isScalar(key)) return;
      const name = String(key.value);
      const offset = key.range?.[0] ?? 0;
      if (refusedKeys.has(name)) found.push(at(offset, [], `the name "${name}" cannot be used here`));
      if (name === "<<") found.push(at(offset, [], "merge keys (<<) are not read; repeat the values"));
    },
    Node(_, node) {
      if (!("tag" in node) || node.tag === undefined || node.tag === "!") return;
      if (node.range) found.push(at(node.range[0], [], `tags (${node.tag}) are not read`));
    },
  });
  return found;
}

function toData(document: Document.Parsed, problems: Problem[], at: At): { data: unknown } {
  if (problems.length > 0 && document.contents === null) return { data: undefined };
  if (document.contents === null) {
    problems.push(at(0, [], "is empty"));
    return { data: undefined };
  }
  try {
    return { data: document.toJS({ maxAliasCount: aliasesMax }) };
  } catch (error) {
    const bomb = error instanceof ReferenceError && error.message.startsWith("Excessive alias");
    const message = bomb
      ? `repeats anchored values more than ${aliasesMax} times`
      : "cannot be read as YAML; does every alias (*name) have its anchor (&name)?";
    problems.push(at(0, [], message));
    return { data: undefined };
  }
}

function resolved(document: Document.Parsed, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

function offsetOf(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const segment of path) {
    const inside = resolved(document, node);
    if (isMap(inside)) {
      const pair = inside.items.find(({ key }) => isScalar(key) && key.value === segment);
      if (pair === undefined) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(inside) && typeof segment === "number") {
      node = inside.items[segment];
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  // A value in its own line says more than its key; a map's place is its key.
  return isScalar(node) || isAlias(node) ? startOf(node) ?? offset : offset;
}

function keyOffset(document: Document.Parsed, path: Path, key: string): number {
  let node: unknown = resolved(document, document.contents);
  for (const segment of path) {
    const inside = resolved(document, node);
    if (isMap(inside)) node = inside.get(segment, true);
    else if (isSeq(inside)) node = inside.get(segment, true);
    else break;
  }
  const inside = resolved(document, node);
  if (isMap(inside)) {
    const pair = inside.items.find((one) => isPair(one) && isScalar(one.key) && one.key.value === key);
    const offset = startOf(pair?.key);
    if (offset !== undefined) return offset;
  }
  return offsetOf(document, path);
}

/** `rules[2].what.kinds` */
export function showPath(path: Path): string {
  return path.map((segment, at) =>
    typeof segment === "number" ? `[${segment}]` : `${at === 0 ? "" : "."}${String(segment)}`
  ).join("");
}
