/** What tools asked while they looked around, as the replay shows it. */
import assert from "node:assert/strict";
import { ada, alex, type DashboardUser, devin, type TestGateway } from "./gateway.ts";

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
 * In devin's newest session everything passed but the DROP, nobody was asked, no detector found anything, and a read that mentions none of
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
  const auditor = await gateway.signIn(alex);
  const { detections } = await auditor.json<{ detections: { text: string }[] }>("/api/detections");
  // The session's application_name says whose it is, and pg_settings shows what it was at the start.
  const own = "reset_val contained 1 e-mail address";
  assert.deepEqual(detections.filter(({ text }) => text !== own), []);
  const { requests } = await (await gateway.signIn(ada)).json<{ requests: unknown[] }>("/api/requests");
  assert.deepEqual(requests, []);
}
