/** What a message does to the session's state, for the protocol that keeps it. */
import type { SqlState } from "../../types.ts";
import { Lexer } from "./lexer.ts";
import { modeOf } from "./mode.ts";
import { Reader } from "./reader.ts";
import { afterSet, parseSet } from "./settings.ts";

/**
 * The state after `text` has run without an error: sql_mode, character_set_client and schema. The same object
 * where nothing changes. For texts that were judged and allowed: what cannot be read here changes nothing.
 */
export function stateAfter(text: string, state: SqlState): SqlState {
  let current = state;
  try {
    for (let at = 0; at < text.length;) {
      const mode = modeOf(current);
      const { tokens, end } = new Lexer(text, at, mode).statement();
      at = end;
      const reader = new Reader(tokens, mode);
      if (reader.take("SET")) {
        if (!reader.isWord("STATEMENT")) current = afterSet(parseSet(reader), current);
      } else if (reader.take("USE")) current = { ...current, schema: reader.name().value };
    }
  } catch {
    return current;
  }
  return current;
}
