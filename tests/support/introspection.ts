/** What tools asked while they looked around, as the replay shows it. */
import assert from "node:assert/strict";
import { ada, type DashboardUser, devin, type TestGateway } from "./gateway.ts";

/** A step of the replay that is a statement. */
interface Step {
  readonly step: string;
  readonly text: string;
  readonly verdict: string;
  readonly catalogOnly: boolean;
}

/** What the newest session of a person ran. */
async function replayed(user: DashboardUser): Promise<Step[]> {
  const { sessions } = await user.json<{ sessions: { id: string }[] }>("/api/sessions");
  const found: Step[] = [];
  for (let from: number | null = 0; from !== null;) {
    const page: { steps: Step[]; next: number | null } = await user.json(
      `/api/sessions/${sessions[0]!.id}/events?after=${from}`,
    );
    found.push(...page.steps.filter(({ step }) => step === "statement"));
    from = page.next;
  }
  return found;
}

/**
 * In devin's newest session everything passed but the DROP, nobody was asked, and a read that mentions none of
 * `data` is marked as a read of catalogs alone.
 */
export async function assertIntrospectionPassed(
  gateway: TestGateway,
  data: readonly string[],
): Promise<void> {
  const steps = await replayed(await gateway.signIn(devin));
  assert.ok(steps.length > 15, `${steps.length} statements`);
  assert.deepEqual(steps.filter(({ verdict, text }) => verdict !== "allow" && !/^DROP/.test(text)), []);
  const unmarked = steps.filter(({ catalogOnly, text }) =>
    !catalogOnly && /^\s*(SELECT|SHOW)/i.test(text) && !data.some((name) => text.includes(name))
  );
  assert.deepEqual(unmarked.map(({ text }) => text), []);
  const { requests } = await (await gateway.signIn(ada)).json<{ requests: unknown[] }>("/api/requests");
  assert.deepEqual(requests, []);
}
