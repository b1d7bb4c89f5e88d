import assert from "node:assert/strict";
import type { Catalogs } from "../../../policy/catalogs.ts";
import { policyInForce } from "../../support/policies.ts";
import { compileMasks } from "../../../policy/masking.ts";
import { SessionAnalyst } from "../../../policy/session_analyst.ts";
import { catalog } from "../sql/postgresql_fixture.ts";
import { ann, place } from "./decide_fixture.ts";

const masksFor = compileMasks([
  { columns: ["*.users.ssn"], mask: { kind: "null" }, except: { groups: ["engineers"] } },
]);
const catalogs: Catalogs = {
  renew: () => Promise.resolve(),
  load: () => Promise.resolve(),
  current: () => catalog,
  refresh: () => {},
  states: () => [],
};
const target = {
  name: place.target,
  protocol: "postgresql",
  host: "localhost",
  port: 1,
  database: "app",
  environment: "",
  groups: [],
  tls: { mode: "disable" as const },
  account: { user: "app" },
};

function analystFor(groups: readonly string[]): SessionAnalyst {
  const inForce = policyInForce({ masksFor });
  return new SessionAnalyst({ catalogs, inForce, largeTexts: null }, {
    identity: { ...ann, groups },
    target,
    database: "app",
  });
}

Deno.test("what somebody writes who may see the column is hidden from those who read the record", () => {
  const text = "UPDATE users SET ssn = '123-45-6789' WHERE id = 1";
  for (const groups of [["engineers"], ["others"]]) {
    const [understood] = analystFor(groups).analyse(text, {}) as readonly {
      facts: { maskedLiterals: unknown };
    }[];
    assert.deepEqual(understood?.facts.maskedLiterals, [[23, 36]], groups.join());
  }
});

Deno.test("somebody who may see a column is judged without its mask", () => {
  const [seeing] = analystFor(["engineers"]).analyse("SELECT ssn FROM users", {}) as readonly {
    result: { kind: string };
  }[];
  assert.equal(seeing?.result.kind, "clean");
  const [other] = analystFor(["others"]).analyse("SELECT ssn FROM users", {}) as readonly {
    result: { kind: string };
  }[];
  assert.equal(other?.result.kind, "columns");
});
