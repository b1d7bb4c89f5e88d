/** A file's statements, as the stock clients send them; and the state of a session that they start. */
import type { TargetQuery } from "../../ports.ts";
import type { SqlState, Target } from "../../types.ts";
import { checkCharacters, Lexer } from "./lexer.ts";
import { modeOf } from "./mode.ts";
import { isTrivia } from "./tokens.ts";

/** Without the semicolon, and without white space and comments before it. */
export function split(text: string, state: SqlState): readonly string[] | null {
  try {
    checkCharacters(text);
    const found: string[] = [];
    const mode = modeOf(state);
    for (let at = 0; at < text.length;) {
      const { tokens, end } = new Lexer(text, at, mode).statement();
      const last = tokens.findLast((token) => token.kind !== "end" && token.kind !== "space");
      const first = tokens.find((token) => token.kind !== "end" && !isTrivia(token));
      if (first !== undefined && last !== undefined) found.push(text.slice(first.start, last.end));
      at = end;
    }
    return found;
  } catch {
    return null;
  }
}

export async function startState(target: Target, database: string, query: TargetQuery): Promise<SqlState> {
  const [row] = await query(target, database, "SELECT @@sql_mode, @@version, DATABASE()");
  const [mode, version, schema] = row ?? [];
  return {
    sql_mode: mode ?? "",
    character_set_client: "utf8mb4",
    schema: schema ?? "",
    version: version ?? "",
    flavour: /mariadb/i.test(version ?? "") ? "mariadb" : "mysql",
  };
}
