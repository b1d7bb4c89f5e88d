/** `postern audit erase`, on a running gateway and on a stopped one's folder, by the commands themselves. */
import assert from "node:assert/strict";
import { dashboardAction } from "../../policy/audit/events.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { startControl } from "../../ui/api/control.ts";
import { auditCommands } from "../../ui/cli/audit.ts";
import { withJournal } from "../support/journals.ts";

const event = (person: string) =>
  dashboardAction(person, { action: "test", subject: "x", detail: "", address: "127.0.0.1" });

Deno.test("erase reaches the record through the running gateway, else in its folder, and says how much it took", () =>
  withJournal(async (journal, folder) => {
    const said: string[] = [];
    const original = console.log;
    console.log = (line: string) => said.push(line);
    try {
      const commands = auditCommands(
        { policy: () => assert.fail("not needed"), dataFolder: () => folder } as unknown as Parameters<
          typeof auditCommands
        >[0],
        () => openJournal({ folder }),
      );
      const erase = (values: Record<string, string>) => commands["audit erase"]!.run([], values);
      for (const person of ["mia", "mia", "noor"]) await journal.append(event(`${person}@example.com`));
      const control = startControl(folder, {
        log: () => {},
        journal,
        reload: () => Promise.resolve(""),
      });
      assert.equal(await erase({ person: "mia@example.com", reason: "request 1" }), 0);
      assert.match(said.at(-1)!, /The contents of 2 events were erased/);
      assert.deepEqual(await journal.events({ person: "mia@example.com" }), []);
      await control.close();
      await journal.close();

      assert.equal(await erase({ text: "noor@example.com", reason: "request 2" }), 0);
      assert.match(said.at(-1)!, /The contents of 1 event were erased/);
      for (
        const wrong of [{}, { person: "a", text: "b", reason: "c" }, { person: "a" }, {
          person: "a",
          reason: " ",
        }]
      ) {
        await assert.rejects(async () => await erase(wrong as Record<string, string>), /Say (what|why)/);
      }
    } finally {
      console.log = original;
    }
  }));
