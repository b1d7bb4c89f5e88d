import assert from "node:assert/strict";
import { createLog } from "../../../policy/log.ts";

Deno.test("names from the wire forge no line and steer no terminal", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", format: "text", write: (line) => lines.push(line) });
  log("info", "a client came\nERROR forged", { user: "eve\u001b[2J\r\nINFO all is well\u2028" });
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.indexOf("\n"), (lines[0]?.length ?? 0) - 1);
  for (const control of ["\u001b", "\r", "\u2028"]) assert.ok(!lines[0]?.includes(control));
  assert.ok(lines[0]?.includes('a client came\\u000aERROR forged user="eve\\u001b'));
});

Deno.test("what is below the level is not written, and JSON lines are JSON", () => {
  const lines: string[] = [];
  const log = createLog({ level: "warn", format: "json", write: (line) => lines.push(line) });
  log("info", "quiet");
  log("error", "loud", { count: 2 });
  assert.equal(lines.length, 1);
  const { level, message, count } = JSON.parse(lines[0] ?? "");
  assert.deepEqual({ level, message, count }, { level: "error", message: "loud", count: 2 });
});
