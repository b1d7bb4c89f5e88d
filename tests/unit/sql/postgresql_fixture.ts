/** The catalog of a real PostgreSQL with the lab's fixture, kept as a file, and an analyst over it. */
import { postgresqlDialect } from "../../../policy/sql/postgresql/mod.ts";
import type { Analyst, Understood } from "../../../policy/sql/dialect.ts";
import { masks } from "../../support/postgresql_lab.ts";

await postgresqlDialect.ready();

const vectors = new URL("../../vectors/", import.meta.url);

export const catalog = postgresqlDialect.catalogFromJson(
  Deno.readTextFileSync(new URL("postgresql_catalog.jsonl", vectors)),
);

export const analyst: Analyst = catalog.analyst("lab", masks);

/** One case per line: the verdict, a space, the statement. */
export function cases(): { readonly verdict: string; readonly text: string }[] {
  return Deno.readTextFileSync(new URL("postgresql_cases.txt", vectors)).trimEnd().split("\n").map((line) => {
    const space = line.indexOf(" ");
    return { verdict: line.slice(0, space), text: line.slice(space + 1) };
  });
}

/** The only statement of a text that is understood. */
export function understood(text: string, by: Analyst = analyst): Understood {
  const answer = by.analyse(text, {});
  if ("refused" in answer) throw new Error(`${text}: ${answer.refused.reason}`);
  const [only] = answer;
  if (only === undefined || answer.length !== 1) throw new Error(`${text}: ${answer.length} statements`);
  return only;
}
