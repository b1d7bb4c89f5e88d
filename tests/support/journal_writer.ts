/**
 * A process to be killed: appends to the journal in the folder that its argument names, eight at a time, in one
 * session. For each event it prints a line once it is told that this is durable: `sequence hash` where it waits
 * for the event's place, `recorded subject` where it does not.
 */
import { openJournal } from "../../policy/store/journal.ts";
import { approvalRequested } from "../../policy/audit/events.ts";
import { oneOfEach, request } from "../unit/audit/samples.ts";
import { smallEvent } from "./journals.ts";

const journal = await openJournal({ folder: Deno.args[0]! });
const session = `session-${crypto.randomUUID()}`;
const started = oneOfEach().find((draft) => draft.type === "session.started")!;
await journal.append({ ...started, session });
await journal.append(approvalRequested({ ...request, id: `approval-of-${session}`, session }));

const encoder = new TextEncoder();
async function write(worker: number): Promise<never> {
  for (let i = 0;; i++) {
    const event = await journal.append({
      ...smallEvent(`${worker}/${i}`, "x".repeat((i * 37) % 3000)),
      session,
    });
    Deno.stdout.writeSync(encoder.encode(`${event.sequence} ${event.hash}\n`));
  }
}
async function record(worker: number): Promise<never> {
  for (let i = 0;; i++) {
    const subject = `${session}/${worker}/${i}`;
    await journal.record({ ...smallEvent(subject, "y".repeat((i * 41) % 3000)), session });
    Deno.stdout.writeSync(encoder.encode(`recorded ${subject}\n`));
  }
}
await Promise.all([0, 1, 2, 3].flatMap((worker) => [write(worker), record(worker)]));
