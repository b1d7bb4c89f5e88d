/** Lays a statement's tokens out by clauses, for reading only: no token is changed, left out or moved. */

export type Piece = readonly [kind: string, text: string];

const clauses = new Set(
  `select from where group having order limit offset returning set values union intersect except on using join
  left right inner full cross insert update delete merge with when`.split(/\s+/),
);
/** They go on with the clause word before them. */
const joins = new Set(["left", "right", "inner", "full", "cross"]);
const conditions = new Set(["and", "or"]);

export function spreadOut(tokens: readonly Piece[]): Piece[][] {
  const lines: Piece[][] = [];
  let line: Piece[] = [];
  let depth = 0;
  let previous = "";
  const end = () => {
    if (line.some(([, text]) => text.trim() !== "")) lines.push(line);
    line = [];
  };
  const begin = (more: number) => {
    end();
    const indent = "  ".repeat(Math.min(20, depth + more));
    if (indent !== "") line.push(["plain", indent]);
  };
  for (const [kind, text] of tokens) {
    if (kind === "keyword") {
      const word = text.toLowerCase();
      const goesOn = joins.has(previous) && word === "join";
      if (clauses.has(word) && !goesOn) begin(0);
      else if (conditions.has(word)) begin(1);
      line.push([kind, text]);
      previous = word;
      continue;
    }
    previous = "";
    // Only spaces are the reader's own; every other character stays, in its place.
    const parts = kind === "plain" ? text.split(/(\s+|[()])/).filter((part) => part !== "") : [text];
    for (const part of parts) {
      if (part === "(") depth++;
      if (part === ")") depth = Math.max(0, depth - 1);
      if (kind === "plain" && /^\s+$/.test(part)) {
        if (line.length > 0 && !/\s$/.test(line.at(-1)![1])) line.push(["plain", " "]);
      } else line.push([kind, part]);
    }
    // A comment to the end of its line must not swallow what follows.
    if (kind === "comment" && text.startsWith("--")) begin(1);
  }
  end();
  return lines;
}
