/** A million rows by SELECT and by COPY, with no masked column, with one and with three. */
import type { Postgresql } from "../support/postgresql.ts";
import { runWell } from "../support/daemons.ts";
import { required } from "../support/programs.ts";
import { timed, type Way } from "./pgbench.ts";
import { profiled } from "./profile.ts";
import { median, residentMiB } from "./stats.ts";

/** About 130 bytes a row. */
const table =
  `CREATE TABLE big AS SELECT i AS id, 'name ' || i AS name, '900-11-' || lpad((i % 10000)::text, 4, '0')
  AS ssn, 'm' || i || '@example.com' AS mail, '+1 555 ' || i AS phone, repeat('n', 60) AS note
  FROM generate_series(1, 1000000) AS i`;

const statements: Readonly<Record<string, string>> = {
  "SELECT, no mask": "SELECT id, name, note, note AS more FROM big",
  "SELECT, 1 mask": "SELECT id, name, ssn, note, note AS more FROM big",
  "SELECT, 3 masks": "SELECT id, name, ssn, mail, phone, note FROM big",
  "COPY, no mask": "COPY (SELECT id, name, note, note AS more FROM big) TO STDOUT",
};

/** Before the gateway reads the catalog. */
export async function prepareBulk(target: Postgresql): Promise<void> {
  const connection = `host=${target.host} port=${target.port} user=${target.user} dbname=${target.database}`;
  await runWell([required("psql"), "-X", "-q", "-c", table, connection], {
    env: { PGPASSWORD: target.password },
  });
}

export async function bulk(ways: readonly Way[], rounds: number, profile: boolean): Promise<void> {
  for (const [what, sql] of Object.entries(statements)) {
    const times = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const way of ways) times.get(way.name)?.push(await timed(way, sql));
    }
    const of = (name: string) => median(times.get(name) ?? []);
    for (const { name } of ways) {
      const ratio = `${(of("pgbouncer") / of(name)).toFixed(2)} of pgbouncer`;
      console.log([what.padEnd(18), name.padEnd(9), `${(of(name) / 1000).toFixed(2)} s`, ratio].join("  "));
    }
    console.log(`${what.padEnd(18)}  resident memory after it: ${residentMiB()} MiB`);
    const postern = ways.at(-1);
    if (profile && postern !== undefined) {
      console.log(await profiled(async () => void await timed(postern, sql), 25));
    }
  }
}
