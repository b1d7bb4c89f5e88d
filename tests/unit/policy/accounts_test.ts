/** Ephemeral accounts: made after the session is in the record, dropped after it, and told when they cannot be. */
import assert from "node:assert/strict";
import type { TargetAccounts } from "../../../policy/account_ports.ts";
import { Accounts } from "../../../policy/accounts.ts";
import { PosternError } from "../../../policy/errors.ts";
import { policyInForce } from "../../support/policies.ts";
import type { Target } from "../../../policy/types.ts";
import { FakeGateway, targetOf } from "../ui/fakes.ts";

const demo: Target = {
  ...targetOf("orders-prod", "production", ["engineers"]),
  account: { user: "app", ephemeral: { roles: ["app_rw"], onDrop: "reassign" } },
};

/** A target that may be down. */
class FakeAccounts implements TargetAccounts {
  readonly there = new Set<string>();
  down = false;

  nameFor(_target: Target, person: string, session: string): Promise<string> {
    return Promise.resolve(`${person}#${session}`);
  }

  create(_target: Target, { name }: { name: string }) {
    if (this.down) return Promise.reject(new PosternError("TargetUnavailable", "It is down"));
    this.there.add(name);
    return Promise.resolve({ user: name, password: "secret-of-the-account" });
  }

  drop(_target: Target, name: string): Promise<void> {
    if (this.down) return Promise.reject(new PosternError("TargetUnavailable", "It is down"));
    this.there.delete(name);
    return Promise.resolve();
  }

  list(): Promise<readonly string[]> {
    if (this.down) return Promise.reject(new PosternError("TargetUnavailable", "It is down"));
    return Promise.resolve([...this.there, "postgres", "somebody#else"]);
  }
}

function fixture() {
  const gateway = new FakeGateway(0);
  const fake = new FakeAccounts();
  const logged: string[] = [];
  const accounts = new Accounts({
    accountsOf: () => fake,
    inForce: policyInForce({ targets: [demo] }),
    journal: gateway.journal,
    clock: () => 0,
    log: (_level, message) => logged.push(message),
  });
  const types = () =>
    gateway.journal.all.map(({ type }) => type).filter((type) => type.startsWith("account."));
  return { gateway, fake, accounts, logged, types };
}

const session = "0123456789abcdef";
const holder = { session, person: "devin@example.test", target: demo };

Deno.test("one that cannot be dropped is told once, tried by every sweep, and dropped when that works again", async () => {
  const { gateway, fake, accounts, logged, types } = fixture();
  await gateway.session(session, undefined, demo.name);
  const name = await accounts.nameFor(holder);
  assert.equal(name, `devin@example.test#${session}`);
  await accounts.create(holder, name!, 1000);
  await accounts.sweep();
  assert.ok(fake.there.has(name!), "a running session's account is no leftover");
  fake.down = true;
  await gateway.endSession(session, { name: holder.person, groups: [] }, demo.name);
  accounts.drop(holder, name!);
  await accounts.close();
  await accounts.sweep();
  assert.deepEqual(types(), ["account.created", "account.stuck"]);
  fake.down = false;
  await accounts.sweep();
  assert.deepEqual(types(), ["account.created", "account.stuck", "account.dropped"]);
  assert.deepEqual(gateway.journal.all.at(-1)?.data, { account: name, swept: true });
  assert.equal(fake.there.size, 0);
  assert.ok(logged.includes("a target could not be swept"));
  assert.ok(!JSON.stringify(gateway.journal.all).includes("secret-of-the-account"));
  await gateway.close();
});

Deno.test("what belongs to no session of this record, or to one that runs elsewhere, is left alone", async () => {
  const { gateway, fake, accounts, types } = fixture();
  fake.there.add("eve@example.test#zzzzzzzzzzzzzzzz");
  await gateway.session("fedcba9876543210", undefined, demo.name);
  fake.there.add("devin@example.test#fedcba9876543210");
  await accounts.sweep();
  assert.equal(fake.there.size, 2);
  assert.deepEqual(types(), []);
  await gateway.close();
});

Deno.test("an account that could not be made leaves nothing behind", async () => {
  const { gateway, fake, accounts, types } = fixture();
  fake.down = true;
  await assert.rejects(accounts.create(holder, "devin#x", 1000), /It is down/);
  fake.down = false;
  await accounts.close();
  assert.equal(fake.there.size, 0);
  assert.deepEqual(types(), ["account.stuck"]);
  assert.equal(await accounts.nameFor({ ...holder, target: targetOf("plain", "", []) }), null);
  await gateway.close();
});
