import assert from "node:assert/strict";
import { applicationName } from "../../../proxy/postgres/session.ts";
import {
  checkStartup,
  decodeFirstPacket,
  parseOptions,
  type Startup,
} from "../../../proxy/postgres/startup.ts";
import {
  bytesOf,
  cancelRequest,
  gssRequest,
  int32,
  sslRequest,
  startup,
} from "../../support/raw_postgres.ts";

const decode = (parameters: Record<string, string>, version?: number) =>
  decodeFirstPacket(startup(parameters, version)) as Startup;

Deno.test("the requests before start-up, by their codes in the protocol's Message Formats", () => {
  assert.deepEqual(decodeFirstPacket(sslRequest), { kind: "ssl" });
  assert.deepEqual(decodeFirstPacket(gssRequest), { kind: "gss" });
  const cancel = decodeFirstPacket(cancelRequest(4711, Uint8Array.from([1, 2, 3, 4])));
  assert.deepEqual(cancel, { kind: "cancel", pid: 4711, secret: Uint8Array.from([1, 2, 3, 4]) });
  const long = decodeFirstPacket(cancelRequest(1, new Uint8Array(256)));
  assert.equal(long.kind === "cancel" && long.secret.length, 256, "protocol 3.2 has long keys");
});

Deno.test("a cancel key that is too short or too long, and anything behind a request, is refused", () => {
  assert.throws(() => decodeFirstPacket(cancelRequest(1, new Uint8Array(3))), { code: "ProtocolViolation" });
  assert.throws(() => decodeFirstPacket(cancelRequest(1, new Uint8Array(257))), {
    code: "ProtocolViolation",
  });
  assert.throws(() => decodeFirstPacket(bytesOf(int32(9), sslRequest.subarray(4), [0])), {
    code: "ProtocolViolation",
  });
});

Deno.test("a StartupMessage: user, database, settings by lower case, unknown protocol options", () => {
  const decoded = decode({
    user: "me",
    database: "orders-prod/other",
    TimeZone: "UTC",
    "_pq_.grease": "1",
    replication: "off",
  }, 196_610);
  assert.equal(decoded.user, "me");
  assert.equal(decoded.database, "orders-prod/other");
  assert.equal(decoded.minor, 2);
  assert.deepEqual([...decoded.settings], [["timezone", "UTC"]]);
  assert.deepEqual(decoded.unknownOptions, ["_pq_.grease"]);
  checkStartup(decoded);
  assert.equal(decode({ user: "me" }).database, "me", "the database is the user's where none is named");
});

Deno.test("options are cut as postgres(1) cuts them", () => {
  assert.deepEqual(parseOptions("-c a=b  -cC=d\\ e --f-g=h"), [["a", "b"], ["c", "d e"], ["f_g", "h"]]);
  assert.deepEqual(parseOptions(""), []);
  for (const refused of ["-d 5", "-c", "-c novalue", "--x", "plain", "-B 100"]) {
    assert.throws(() => parseOptions(refused), { code: "PolicyDenied" }, refused);
  }
});

Deno.test("only settings that change no meaning may be given at start-up, wherever they hide", () => {
  const refused: Record<string, string>[] = [
    { options: "-c Standard_Conforming_Strings=off" },
    { options: "--session-replication-role=replica" },
    { options: "-c role=postgres" },
    { options: "-c default_transaction_read_only=off" },
    { options: "-c client_encoding=SJIS" },
    { client_encoding: "WIN1252" },
    { replication: "true" },
    { replication: "database" },
    { unheard_of: "1" },
  ];
  for (const parameters of refused) {
    assert.throws(
      () => checkStartup(decode({ user: "me", ...parameters })),
      { code: "PolicyDenied" },
      JSON.stringify(parameters),
    );
  }
  for (const encoding of ["UTF8", "utf-8", "'utf8'", "UNICODE"]) {
    checkStartup(decode({ user: "me", client_encoding: encoding }));
  }
  checkStartup(decode({ user: "me", options: "-c statement_timeout=5s -c DateStyle=ISO,DMY" }));
  // Judged when it is known who asks: see integration/postgres_rules_test.ts.
  checkStartup(decode({ user: "me", options: "-c search_path=x" }));
});

Deno.test("the last of two settings counts, and options come after the message's own, as in the target", () => {
  const decoded = decode({ user: "me", DateStyle: "ISO", options: "-c datestyle=SQL" });
  assert.equal(decoded.settings.get("datestyle"), "SQL");
});

Deno.test("application_name: program, person and session, cut between characters at 63 bytes", () => {
  assert.equal(applicationName("psql", "devin@example.test", "s1"), "psql devin@example.test s1");
  assert.equal(applicationName("", "devin@example.test", "s1"), "devin@example.test s1");
  const long = applicationName("ü".repeat(40), "x", "s1");
  assert.equal(new TextEncoder().encode(long).length, 63);
  assert.equal(long, `${"ü".repeat(29)} x s1`, "what came first is cut, person and session stay");
});
