/** Small helpers over the tree that libpg-query gives: JSON of PostgreSQL's own raw parse tree. */
import type { A_Const, Node } from "libpg-query";

type KeysOf<T> = T extends unknown ? keyof T : never;
export type NodeKind = KeysOf<Node>;
export type NodeOf<K extends NodeKind> = Extract<Node, Record<K, unknown>>[K];

/** A node is an object with one key, which names its kind. */
export function kindOf(node: Node): NodeKind {
  for (const kind in node) return kind as NodeKind;
  return "String";
}

/** The body of a node where it is of that kind. */
export function as<K extends NodeKind>(node: Node | undefined, kind: K): NodeOf<K> | undefined {
  return node === undefined ? undefined : (node as unknown as Record<K, NodeOf<K>>)[kind];
}

/** The strings of a list such as a qualified name; what is no string is left out. */
export function strings(nodes: readonly Node[] | undefined): string[] {
  const result: string[] = [];
  for (const node of nodes ?? []) {
    const text = as(node, "String")?.sval;
    if (text !== undefined) result.push(text);
    else if ("String" in node) result.push("");
  }
  return result;
}

/** Whether a list of column-reference fields ends in `*`. */
export function endsInStar(fields: readonly Node[] | undefined): boolean {
  const last = fields?.at(-1);
  return last !== undefined && "A_Star" in last;
}

export type Literal =
  | { readonly type: "null" }
  | { readonly type: "text" | "number" | "bits"; readonly text: string }
  | { readonly type: "boolean"; readonly value: boolean };

/** What a constant says. Zero, false and the empty string are left out of the JSON, hence the presence checks. */
export function literalOf(constant: A_Const): Literal {
  if (constant.isnull) return { type: "null" };
  if (constant.ival !== undefined) return { type: "number", text: String(constant.ival.ival ?? 0) };
  if (constant.fval !== undefined) return { type: "number", text: constant.fval.fval ?? "0" };
  if (constant.boolval !== undefined) return { type: "boolean", value: constant.boolval.boolval ?? false };
  if (constant.bsval !== undefined) return { type: "bits", text: constant.bsval.bsval ?? "" };
  return { type: "text", text: constant.sval?.sval ?? "" };
}

/** The text of a constant under any number of casts; undefined for anything else, and for NULL. */
export function constantText(node: Node | undefined): string | undefined {
  let at = node;
  for (let cast = as(at, "TypeCast"); cast !== undefined; cast = as(at, "TypeCast")) at = cast.arg;
  const constant = as(at, "A_Const");
  if (constant === undefined) return undefined;
  const literal = literalOf(constant);
  if (literal.type === "null") return undefined;
  return literal.type === "boolean" ? String(literal.value) : literal.text;
}
