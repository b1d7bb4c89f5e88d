/**
 * `deno task demo`: everything in one process, on loopback, with demo secrets. A target with sample data
 * (PGlite behind a PostgreSQL socket), a real OpenID Connect issuer with three people, and Postern itself,
 * composed exactly as `postern serve` does.
 */
import { parseArgs } from "node:util";
import { join } from "node:path";
import { startGateway } from "../../main.ts";
import { createLog } from "../../policy/log.ts";
import { ensureBundle } from "../../ui/bundle.ts";
import { startIssuer } from "../support/issuer.ts";
import { freePort } from "./ports.ts";

const people = [
  { email: "devin@example.test", name: "Devin (engineer)", groups: ["engineers"] },
  { email: "ada@example.test", name: "Ada (approver)", groups: ["db-approvers"] },
  { email: "alex@example.test", name: "Alex (auditor)", groups: ["auditors"] },
];

/** The demo's config, the same as a real one; its secret lies beside it. */
function configText(
  ports: Readonly<Record<"gateway" | "dashboard" | "target" | "issuer", number>>,
  folder: string,
) {
  return `# Written by \`deno task demo\` at every start. Demo only: plain text, loopback, a demo secret.
listen:
  postgresql: 127.0.0.1:${ports.gateway}
dashboard:
  listen: 127.0.0.1:${ports.dashboard}
  url: http://127.0.0.1:${ports.dashboard}
data: ${JSON.stringify(join(folder, "store"))}
identity:
  issuer: http://127.0.0.1:${ports.issuer}
  clientId: postern
  clientSecret: { file: client-secret }
  groupsClaim: groups
  signInTimeout: 3m
roles:
  approver: [db-approvers]
  auditor: [auditors]
targets:
  demo:
    protocol: postgresql
    host: 127.0.0.1
    port: ${ports.target}
    database: postgres
    environment: demo
    groups: [engineers]
    tls: { mode: disable }
    account: { user: postgres }
masks:
  - columns: ["public.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
  - columns: ["public.customers.card_number"]
    mask: { kind: partial, keepLast: 4 }
`;
}

function startTarget(folder: string, port: number): Promise<Worker> {
  const worker = new Worker(new URL("./target_worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ ready: boolean; error?: string }>) => {
      if (data.ready) resolve(worker);
      else reject(new Error(`the demo's target did not start: ${data.error}`));
    };
    worker.onerror = (event) => reject(new Error(`the demo's target did not start: ${event.message}`));
    worker.postMessage({ folder: join(folder, "target"), port });
  });
}

function greeting(
  gateway: number,
  dashboard: string,
  issuer: string,
  folder: string,
  seconds: string,
): string {
  const psql = `psql "host=127.0.0.1 port=${gateway} user=devin dbname=demo"`;
  return `
Postern's demo is running (${seconds} s). It is a demo: everything listens on this machine only, in plain
text, with demo secrets, and its sign-in page lets anybody in as anybody. Data: ${folder}

  Gateway     127.0.0.1:${gateway}   target "demo": customers, orders, payments
  Dashboard   ${dashboard}
  Issuer      ${issuer}   Devin is an engineer, Ada approves, Alex audits

Try it:
  1. ${psql}
     psql prints a link: open it, sign in as Devin, confirm. The prompt comes up.
  2. SELECT * FROM customers LIMIT 5;
     ssn and card_number are masked.
  3. UPDATE customers SET status = 'suspended' WHERE id = 7;
     It waits. Open ${dashboard} in another browser profile (or a private
     window), sign in as Ada, approve it.
  4. DROP TABLE payments;      DELETE FROM orders;
     Both are refused before they reach the database.
  5. ${dashboard}/sessions replays the session. On the terminal:
     npx --yes deno@2.9.6 run -A main.ts audit export --config ${join(folder, "postern.yaml")} > record.jsonl
     npx --yes deno@2.9.6 run -A main.ts audit verify record.jsonl

Ctrl-C stops it. "rm -r ${folder}" forgets it.
`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: "string", default: "data/demo" },
      port: { type: "string", default: "6432" },
      "dashboard-port": { type: "string", default: "8480" },
      "issuer-port": { type: "string", default: "8490" },
    },
  });
  const began = performance.now();
  const folder = values.data;
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const taken = new Set<number>();
  const pick = async (wanted: string, what: string): Promise<number> => {
    const port = await freePort(Number(wanted), what, taken, (text) => console.log(text));
    taken.add(port);
    return port;
  };
  const ports = {
    gateway: await pick(values.port, "gateway"),
    dashboard: await pick(values["dashboard-port"], "dashboard"),
    issuer: await pick(values["issuer-port"], "issuer"),
    target: await pick("15432", "demo target"),
  };
  console.log("Starting the demo: target, issuer, store, gateway, dashboard …");

  const secret = crypto.randomUUID();
  const dashboard = `http://127.0.0.1:${ports.dashboard}`;
  const configFile = join(folder, "postern.yaml");
  const text = configText(ports, folder);
  await Deno.writeTextFile(configFile, text);
  await Deno.writeTextFile(join(folder, "client-secret"), secret, { mode: 0o600 });
  const [target, issuer] = await Promise.all([
    startTarget(folder, ports.target),
    startIssuer({
      port: ports.issuer,
      people,
      clients: [{ id: "postern", secret, redirectUris: [`${dashboard}/auth/callback`] }],
    }),
    ensureBundle(),
  ]);
  const gateway = await startGateway({
    text,
    file: configFile,
    env: (name) => Deno.env.get(name),
    log: createLog({ level: "warn", format: "text" }),
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(greeting(ports.gateway, dashboard, issuer.url, folder, seconds));

  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  await stopped;
  console.log("\nStopping …");
  await gateway.close();
  await issuer.close();
  target.terminate();
  Deno.exit(0);
}

await main();
