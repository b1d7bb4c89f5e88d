/** What a client would see of a database, masks applied. */
import type { Connection } from "mariadb";
import { maskText } from "../../policy/masking.ts";
import type { Judgement } from "../../policy/types.ts";

/** The same from both where one of several attempts on each agrees; null where none does. */
export async function again(
  connect: (database: string) => Promise<Connection>,
  text: string,
  judgement: Judgement,
): Promise<readonly [string, string] | null> {
  const results = { app: new Set<string>(), other: new Set<string>() };
  for (let attempt = 0; attempt < 8; attempt++) {
    for (const database of attempt % 2 === 0 ? ["app", "other"] as const : ["other", "app"] as const) {
      const client = await connect(database);
      results[database].add(await seen(client, text, judgement));
      await client.end();
    }
    for (const result of results.app) if (results.other.has(result)) return [result, result];
  }
  return null;
}

export async function seen(client: Connection, text: string, judgement: Judgement): Promise<string> {
  if (judgement.verdict === "deny") return "denied";
  const { tainted } = judgement;
  try {
    await client.query("START TRANSACTION");
    const raw: unknown = await client.query({
      sql: text,
      rowsAsArray: true,
      typeCast: (field) => field.string(),
    });
    const results = (judgement.statements.length > 1 ? raw : [raw]) as RawResult[];
    return JSON.stringify(results.map((result, at) => masked(result, judgement.statements[at]?.result)));
  } catch (error) {
    const { errno, sqlMessage } = error as { errno?: number; sqlMessage?: string };
    // Texts name the database, which is another one on purpose.
    return JSON.stringify(["error", errno, tainted ? null : sqlMessage?.replaceAll("other.", "app.")]);
  } finally {
    await client.query("ROLLBACK");
  }
}

type Rows = (string | null)[][] & { readonly meta: readonly unknown[] };
type RawResult = Rows | { readonly affectedRows: number; readonly warningStatus: number };

const key = new Uint8Array(32);

function masked(result: RawResult, plan: Judgement["statements"][number]["result"] | undefined): unknown {
  if (!Array.isArray(result)) return [result.affectedRows, result.warningStatus];
  const columns = result.meta.length;
  if (plan?.kind === "columns" && plan.masks.length !== columns) {
    return `refused: ${plan.masks.length}/${columns}`;
  }
  return result.map((row) =>
    row.map((value, at) => {
      const rule = plan?.kind === "columns" ? plan.masks[at] : null;
      return value === null || !rule ? value : maskText(rule.mask, value, key);
    })
  );
}
