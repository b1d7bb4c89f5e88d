/** A whole config of policy's sections, and what it refers to. */
import assert from "node:assert/strict";
import { z } from "zod";
import { address, configProblems, policyChecks, policyShape, tlsPair } from "../../../policy/config.ts";

export const protocols = [{ id: "postgresql", defaultPort: 5432 }, {
  id: "mysql",
  defaultPort: 3306,
  compresses: true,
}];
export const schema = z.strictObject({
  ...policyShape(protocols),
  dashboard: z.strictObject({ listen: address, tls: tlsPair({}).optional() }).optional(),
});

export const files: Readonly<Record<string, string>> = {
  "/etc/postern/ca.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  "/etc/postern/key.pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  "/etc/postern/secret": "correct horse\n",
  "/etc/postern/empty": "\n",
};

export const options = {
  file: "/etc/postern/postern.yaml",
  env: (name: string) => ({ CLIENT_SECRET: "battery staple", EMPTY: "" })[name],
  readFile(path: string): string {
    const text = files[path];
    if (text === undefined) throw new Deno.errors.NotFound(path);
    return text;
  },
  checks: [policyChecks],
};

export const good = `identity:
  issuer: https://login.example.com
  clientId: postern
  clientSecret: { env: CLIENT_SECRET }
roles:
  approver: [db-approvers]
targets:
  orders:
    protocol: postgresql
    host: 10.0.0.5
    database: orders
    groups: [engineers]
    tls: { ca: { file: ca.pem } }
    account: { user: app, password: { file: secret } }
  billing:
    protocol: mysql
    host: "fd00::5"
    port: 3307
    database: billing
    groups: [engineers]
    account: { user: app }
rules:
  - name: reads
    what: { kinds: [read], tables: ["public.*"] }
    then: allow
  - name: writes
    what: { kinds: [write] }
    then: approve
    deadline: 20m
masks:
  - columns: ["*.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
`;

/** One a line, `line:column  path: message`. */
export function problems(text: string): string[] {
  return configProblems(text, schema, options).map((line) => line.replace("/etc/postern/postern.yaml:", ""));
}

/** The good config with one text replaced, which must be there. */
export function broken(from: string, to: string): string {
  assert.ok(good.includes(from), `the fixture has no ${from}`);
  return good.replace(from, () => to);
}
