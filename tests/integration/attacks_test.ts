/** Ways to get at masked values, on real servers behind a whole Postern: see tests/support/attacks.ts. */
import assert from "node:assert/strict";
import {
  type Attack,
  attackMysql,
  attackPostgresql,
  attacksOf,
  mysqlPair,
  type Pair,
  postgresqlPair,
} from "../support/attacks.ts";
import { devin, startTestGateway } from "../support/gateway.ts";
import { mariadbHere } from "../support/mariadb.ts";
import { mysqlHere } from "../support/mysql.ts";
import { postgresql18Here } from "../support/embedded_postgresql.ts";
import { postgresqlHere } from "../support/postgresql.ts";
import { type Need, testNeeding } from "../support/programs.ts";

interface Server {
  readonly name: string;
  readonly here: Need;
  readonly protocol: "postgresql" | "mysql";
  /** As attacks name it. */
  readonly only: string;
  start(): Promise<Pair>;
}

const servers: readonly Server[] = [
  {
    name: "PostgreSQL 15",
    here: postgresqlHere,
    protocol: "postgresql",
    only: "15",
    start: () => postgresqlPair(15),
  },
  {
    name: "PostgreSQL 18",
    here: postgresql18Here,
    protocol: "postgresql",
    only: "18",
    start: () => postgresqlPair(18),
  },
  {
    name: "MariaDB",
    here: mariadbHere,
    protocol: "mysql",
    only: "mariadb",
    start: () => mysqlPair("mariadb"),
  },
  { name: "MySQL", here: mysqlHere, protocol: "mysql", only: "mysql", start: () => mysqlPair("mysql") },
];

const rules = `rules:
  - { name: all, what: { kinds: [read, write, ddl, session, transaction, admin, copy, call, unknown] }, then: allow }
  - { name: all-rows, what: { kinds: [write], missingWhere: true }, then: allow }
`;
const masks = `masks:
  - { columns: ["*.users.ssn", "*.users.card", "*.events.secret", "hr.notes.body", "*.derived.ssn", "*.indexed.pin"], mask: { kind: fixed, text: "****" } }
  - { columns: ["*.repeats.pin", "*.repeats.word", "*.summed.pin", "*.ranged.pin"], mask: { kind: "null" } }
  - { columns: ["*.staff.salary", "*.staff.born", "*.staff.doc"], mask: { kind: "null" } }
`;

for (const { name, here, protocol, only, start } of servers) {
  testNeeding([here], `${name}: no attack tells two databases apart, plain or prepared`, async (t) => {
    const pair = await start();
    const gateway = await startTestGateway({
      targets: pair.targets,
      sections: rules + masks,
      env: { TARGET_PASSWORD: pair.password },
    });
    const wanted = Deno.env.get("ATTACK");
    const list = attacksOf(`${protocol}.sql`).filter((one) => one.only === "" || one.only === only)
      .filter(({ what }) => wanted === undefined || new RegExp(wanted).test(what));
    const counts = { refused: 0, same: 0 };
    const wrong: string[] = [];
    try {
      const user = await gateway.signIn(devin);
      const open = protocol === "postgresql" ? attackPostgresql : attackMysql;
      for (const prepared of [false, true]) {
        const both = [
          await open(gateway.ports[protocol]!, "target-a", user),
          await open(gateway.ports[protocol]!, "target-b", user),
        ] as const;
        for (const attack of list) {
          const [a, b] = [
            await both[0].run(attack.steps, prepared),
            await both[1].run(attack.steps, prepared),
          ];
          if (wanted !== undefined) console.log(attack.what, a, b);
          const problem = problemOf(attack, a, b, pair.secrets);
          if (problem !== null) {
            wrong.push(
              `${prepared ? "prepared, " : ""}${attack.what}: ${problem}\n  ${attack.steps.join("\n  ")}\n  ${
                differing(a, b)
              }`,
            );
          }
          if (a.some((line) => line.includes("Postern"))) counts.refused++;
          else counts.same++;
        }
        for (const one of both) one.close();
      }
      await t.step(
        `${list.length} attacks, each twice: ${counts.refused} refused, ${counts.same} ran`,
        () => {
          assert.deepEqual(wrong, []);
        },
      );
    } finally {
      await gateway.close();
      await pair.close();
    }
  });
}

function problemOf(
  { steps, mustRun, asks }: Attack,
  a: readonly string[],
  b: readonly string[],
  secrets: readonly string[],
): string | null {
  const all = a.join("\n");
  const text = steps.join("\n");
  const told = secrets.find((secret) =>
    !text.includes(secret) && (all.includes(secret) || b.join("\n").includes(secret))
  );
  if (told !== undefined) return `shows ${told}`;
  if (!asks && all !== b.join("\n")) return "differs";
  return mustRun && (/Postern/.test(all) || /\bE \{/.test(all)) ? "does not run" : null;
}

function differing(a: readonly string[], b: readonly string[]): string {
  const at = a.findIndex((line, index) => line !== b[index]);
  return at < 0 ? a.join("\n  ").slice(0, 600) : `${a[at]?.slice(0, 400)}\n  ${b[at]?.slice(0, 400)}`;
}
