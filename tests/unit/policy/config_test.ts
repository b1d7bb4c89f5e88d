import assert from "node:assert/strict";
import { inspect } from "node:util";
import { parseConfig, Secret, toPolicyConfig } from "../../../policy/config.ts";
import { broken, files, good, options, problems, protocols, schema } from "./config_fixture.ts";

Deno.test("a good config comes out resolved, with defaults", () => {
  const parsed = parseConfig(good, schema, options);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  assert.deepEqual(parsed.warnings, []);
  const config = toPolicyConfig(parsed.value, protocols);
  const [orders, billing] = config.targets;
  assert.equal(orders?.port, 5432);
  assert.equal(orders?.account.password, "correct horse");
  assert.equal(orders?.tls.mode, "verify-full");
  assert.equal(orders?.tls.ca, files["/etc/postern/ca.pem"]);
  assert.equal(billing?.port, 3307);
  assert.equal(config.identity.clientSecret?.reveal(), "battery staple");
  assert.deepEqual(config.identity.audiences, ["postern"]);
  assert.equal(config.identity.groupsClaim, "groups");
  assert.deepEqual(config.rules[1]?.approvers, { groups: ["db-approvers"], quorum: 1 });
  assert.equal(config.rules[1]?.deadlineMs, 20 * 60_000);
  assert.equal(config.limits.sessionsPerPersonMax, 20);
  assert.match(config.digest, /^[0-9a-f]{64}$/);
});

Deno.test("compression is asked of targets that the config names, and of no other", () => {
  const parsed = parseConfig(good.replace("port: 3307", "port: 3307\n    compress: true"), schema, options);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  assert.deepEqual(toPolicyConfig(parsed.value, protocols).targets.map(({ compress }) => compress), [
    false,
    true,
  ]);
});

Deno.test("a config without rules has the default rules", () => {
  const parsed = parseConfig(good.replace(/rules:[^]*(?=masks:)/, ""), schema, options);
  assert.ok(parsed.ok);
  const { rules } = toPolicyConfig(parsed.value, protocols);
  assert.deepEqual(rules.map(({ name, then }) => `${name} ${then}`), [
    "reads allow",
    "no-writes-without-where deny",
    "writes-need-approval approve",
    "no-schema-changes deny",
    "default-deny deny",
  ]);
  assert.deepEqual(rules[2]?.approvers?.groups, ["db-approvers"]);
});

const oneProblem: readonly [name: string, from: string, to: string, expected: RegExp][] = [
  [
    "unknown key",
    "port: 3307",
    "prot: 3307",
    /^18:5 {2}targets\.billing\.prot: unknown key "prot"; did you mean "port"\?$/,
  ],
  [
    "compression towards a target whose protocol has none",
    "host: 10.0.0.5",
    "host: 10.0.0.5\n    compress: true",
    /^11:15 {2}targets\.orders\.compress: is not known to this target's protocol$/,
  ],
  ["unknown section", "masks:", "mask:", /^30:1 {2}mask: unknown key "mask"; did you mean "masks"\?$/],
  [
    "unknown key of a mask's kind",
    "keepLast: 4",
    "keepLst: 4",
    /^32:28 {2}masks\[0\]\.mask\.keepLst: unknown key "keepLst"; did you mean "keepLast"\?$/,
  ],
  [
    "unknown kind of mask",
    "kind: partial",
    "kind: partal",
    /^32:19 {2}masks\[0\]\.mask\.kind: must be one of null, fixed, partial/,
  ],
  ["wrong type", "port: 3307", "port: high", /^18:11 {2}targets\.billing\.port: must be a number$/],
  ["out of range", "port: 3307", "port: 70000", /^18:11 .*must be at most 65535$/],
  ["missing key", "    host: 10.0.0.5\n", "", /^8:3 {2}targets\.orders\.host: is required$/],
  ["unknown protocol", "protocol: mysql", "protocol: oracle", /^16:15 .*must be one of postgresql, mysql$/],
  [
    "plain secret",
    "password: { file: secret }",
    "password: hunter2",
    /^14:37 .*must not stand in the config: write \{ env: NAME \}/,
  ],
  [
    "missing variable",
    "env: CLIENT_SECRET",
    "env: NOPE",
    /^4:3 {2}identity\.clientSecret: the environment variable NOPE is not set$/,
  ],
  ["empty variable", "env: CLIENT_SECRET", "env: EMPTY", /is empty$/],
  ["odd variable", "env: CLIENT_SECRET", "env: 'A=B'", /must be the name of an environment variable$/],
  [
    "missing file",
    "file: secret",
    "file: nowhere",
    /^14:27 .*the file \/etc\/postern\/nowhere does not exist$/,
  ],
  ["empty file", "file: secret", "file: empty", /the file \/etc\/postern\/empty is empty$/],
  ["no certificate", "file: ca.pem", "file: key.pem", /^13:12 .*holds no certificate in PEM form$/],
  ["http issuer", "https://login", "http://login", /^2:11 .*must be https/],
  ["issuer with credentials", "https://login", "https://u:p@login", /without user/],
  ["metadata address", "10.0.0.5", "169.254.169.254", /^10:11 .*machine's own metadata/],
  ["metadata address in IPv6", "10.0.0.5", '"::ffff:169.254.169.254"', /machine's own metadata/],
  ["target's name", "  orders:\n", "  orders/x:\n", /^8:3 {2}targets\.orders\/x: cannot be a target's name/],
  [
    "table pattern",
    '["public.*"]',
    '["orders"]',
    /^24:37 {2}rules\[0\]\.what\.tables\[0\]: must be schema\.table/,
  ],
  [
    "mask pattern",
    "*.customers.ssn",
    "customers.ssn",
    /^31:15 {2}masks\[0\]\.columns\[0\]: must be schema\.table\.column/,
  ],
  ["lone mask pattern", '["*.customers.ssn"]', '["*"]', /must be schema\.table\.column/],
  [
    "verdict",
    "then: allow",
    "then: alow",
    /^25:11 {2}rules\[0\]\.then: must be one of allow, deny, approve$/,
  ],
  ["duration without unit", "20m", "20", /^29:15 {2}rules\[1\]\.deadline: must be a duration with its unit/],
  ["duration out of range", "20m", "1s", /must be from 10s to 7d$/],
  [
    "duplicate rule",
    "name: writes",
    "name: reads",
    /^26:11 {2}rules\[1\]\.name: is also the name of rules\[0\]/,
  ],
  ["name of a built-in", "name: writes", "name: 'built-in floor: x'", /must not start with "built-in"/],
  [
    "unknown target in a rule",
    "then: allow",
    "where: { targets: [order] }\n    then: allow",
    /^25:24 {2}rules\[0\]\.where\.targets\[0\]: names no target of this config; did you mean "orders"\?$/,
  ],
  [
    "glob that fits no target",
    "then: allow",
    "where: { targets: ['x*'] }\n    then: allow",
    /names no target of this config$/,
  ],
  ["no approvers", "approver: [db-approvers]", "auditor: [a]", /^26:5 {2}rules\[1\]: approvers is required/],
  [
    "empty who",
    "then: allow",
    "who: { groups: [] }\n    then: allow",
    /^25:12 {2}rules\[0\]\.who\.groups: must not be empty$/,
  ],
  ["who of nobody", "then: allow", "who: {}\n    then: allow", /must have groups or users/],
  ["time zone", "then: allow", "when: { timezone: Berlin }\n    then: allow", /^25:23 .*must be a time zone/],
  ["hours", "then: allow", "when: { hours: '25:00-26:00' }\n    then: allow", /must be a span of the day/],
  ["day", "then: allow", "when: { days: [monday] }\n    then: allow", /must be one of mon, tue/],
  [
    "client range",
    "then: allow",
    "where: { clients: [10.0.0.0/40] }\n    then: allow",
    /must be an IP address or a range/,
  ],
  [
    "condition that does not parse",
    "then: allow",
    "if: facts.kind ==\n    then: allow",
    /^25:9 {2}rules\[0\]\.if: is no condition: Unexpected token: EOF/,
  ],
  [
    "condition with a slip",
    "then: allow",
    "if: facts.knd == 'read'\n    then: allow",
    /No such key: knd \(at character 7\)$/,
  ],
  ["condition of another type", "then: allow", "if: facts.kind\n    then: allow", /must be true or false/],
  [
    "condition with a RegExp",
    "then: allow",
    "if: facts.verb.matches('(a+)+$')\n    then: allow",
    /matches\(\) is not available/,
  ],
  [
    "certificate without key",
    "{ ca: { file: ca.pem } }",
    "{ certificate: { file: ca.pem } }",
    /both certificate and key/,
  ],
  ["duplicate key", "  clientId: postern\n", "  clientId: postern\n  clientId: other\n", /^4:3 .*unique/],
  [
    "prototype",
    "  clientId: postern\n",
    "  clientId: postern\n  __proto__: { issuer: x }\n",
    /"__proto__" cannot be used here/,
  ],
  ["tag", "clientId: postern", "clientId: !!binary cG9zdGVybg==", /tags/],
  ["merge key", "  billing:\n", "  billing:\n    <<: {}\n", /merge keys/],
  ["unknown anchor", "clientId: postern", "clientId: *nobody", /alias/],
];

for (const [name, from, to, expected] of oneProblem) {
  Deno.test(`a config's problem has its place: ${name}`, () => {
    const lines = problems(broken(from, to));
    assert.ok(lines.some((line) => expected.test(line)), lines.join("\n") || "no problem was found");
  });
}

Deno.test("all problems of a config come at once, in order, those between its parts included", () => {
  const lines = problems(
    good.replace("port: 3307", "prot: 3307").replace("env: CLIENT_SECRET", "env: NOPE").replace(
      "name: writes",
      "name: reads",
    )
      .replace("keepLast: 4", "keepLast: -1").replace("then: allow", "then: alow"),
  );
  assert.deepEqual(lines.map((line) => Number(line.split(":")[0])), [4, 18, 25, 26, 32]);
});

Deno.test("a secret's text is in no problem and in no rendering", () => {
  const plain = "hunter2-very-plain";
  for (const line of problems(broken("password: { file: secret }", `password: ${plain}`))) {
    assert.ok(!line.includes(plain), line);
  }
  const secret = new Secret(plain);
  const shown = [
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }),
    Deno.inspect({ secret }),
    String(secret),
  ];
  for (const text of shown) assert.ok(!text.includes(plain) && text.includes("***"), text);
  assert.equal(secret.reveal(), plain);
});

Deno.test("a target shows no credentials when it is logged or serialised", () => {
  const parsed = parseConfig(good, schema, options);
  assert.ok(parsed.ok);
  const { targets } = toPolicyConfig(parsed.value, protocols);
  for (
    const text of [
      JSON.stringify(targets),
      inspect(targets, { depth: 9 }),
      Deno.inspect(targets, { depth: 9 }),
    ]
  ) {
    assert.ok(text.includes("10.0.0.5") && !text.includes("correct horse"), text);
  }
});
