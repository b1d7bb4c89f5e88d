/** `postern init`: a first config, commented, from flags or from what somebody answers. */
import { dirname, resolve } from "node:path";
import { type Commands, say, UsageError, type Values } from "./run.ts";

/** What a first config needs; texts as they were given. */
interface Answers {
  readonly url: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly target: string;
  readonly group: string;
  readonly approvers: string;
  /** Paths; empty for a gateway without TLS of its own. */
  readonly tlsCert: string;
  readonly tlsKey: string;
}

interface Question {
  readonly flag: string;
  readonly ask: string;
  /** Taken where nothing is answered; without one an answer is needed. */
  readonly usual?: string;
}

const questions: Readonly<Record<keyof Answers, Question>> = {
  url: {
    flag: "url",
    ask: "The dashboard's URL, as browsers will open it (https://postern.example.com:8443)",
  },
  issuer: { flag: "issuer", ask: "The identity provider's issuer URL (https://login.example.com)" },
  clientId: { flag: "client-id", ask: "Postern's client id at the identity provider", usual: "postern" },
  target: { flag: "target", ask: "The first database, NAME=PROTOCOL://ACCOUNT@HOST:PORT/DATABASE" },
  group: { flag: "group", ask: "The group whose members may connect to it", usual: "engineers" },
  approvers: { flag: "approvers", ask: "The group whose members approve writes", usual: "db-approvers" },
  tlsCert: { flag: "tls-cert", ask: "PEM file of the certificate (leave empty for none)", usual: "" },
  tlsKey: { flag: "tls-key", ask: "PEM file of its private key (leave empty for none)", usual: "" },
};

/** Asks on the terminal for what no flag gives. Throws UsageError where nobody can be asked. */
function answersOf(values: Values): Answers {
  const answers = Object.entries(questions).map(([name, { flag, ask, usual }]) => {
    const given = values[flag];
    if (typeof given === "string") return [name, given];
    if (!Deno.stdin.isTerminal()) {
      if (usual !== undefined) return [name, usual];
      throw new UsageError(`Say --${flag}: ${ask}`);
    }
    const answer = prompt(`${ask}:`, usual)?.trim() || usual;
    if (answer === undefined) throw new UsageError(`Nothing was answered for --${flag}`);
    return [name, answer];
  });
  return Object.fromEntries(answers) as unknown as Answers;
}

interface FirstTarget {
  readonly name: string;
  readonly protocol: string;
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly account: string;
}

function targetOf(text: string, protocols: readonly string[]): FirstTarget {
  const [, name = "", address = ""] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const url = URL.parse(address);
  const protocol = url?.protocol.replace(/:$/, "") ?? "";
  const database = decodeURIComponent(url?.pathname.slice(1) ?? "");
  if (url === null || !protocols.includes(protocol) || database === "" || url.username === "") {
    throw new UsageError(
      `--target is NAME=PROTOCOL://ACCOUNT@HOST:PORT/DATABASE, where PROTOCOL is ${protocols.join(" or ")}`,
    );
  }
  if (url.password !== "") {
    throw new UsageError("--target must not hold a password: the config refers to a file for it");
  }
  const { hostname: host, port } = url;
  return { name, protocol, host, port, database, account: decodeURIComponent(url.username) };
}

const text = (value: string): string => JSON.stringify(value);

/** The config as text. Pure; secrets stand in it as references to files beside it. */
function configText(answers: Answers, target: FirstTarget): string {
  const { hostname, port, protocol: scheme } = new URL(answers.url);
  const local = hostname === "127.0.0.1" || hostname === "localhost";
  const bind = local ? "127.0.0.1" : "0.0.0.0";
  const tls = answers.tlsCert === ""
    ? null
    : `certificate: { file: ${text(answers.tlsCert)} }, key: { file: ${text(answers.tlsKey)} }`;
  const own = (more: string) => tls === null ? "" : `\n  tls: { ${tls}${more} }`;
  return `# Postern's config. \`postern check\` names every problem with its line; \`postern config reference\` explains
# every key. Secrets are references: { file: PATH } beside this file, or { env: NAME }.

# Where database clients connect.
listen:
  ${target.protocol}: ${bind}:6432${own(", required: true")}

# Where people approve and look: the address to listen on, and the URL under which browsers reach it.
dashboard:
  listen: ${bind}:${port || (scheme === "https:" ? "443" : "80")}
  url: ${text(answers.url)}${own("")}

# The record and its signing key. One Postern at a time uses a folder.
data: ./data

# Who people are. Register there: redirect URI ${new URL("/auth/callback", answers.url).href}
identity:
  issuer: ${text(answers.issuer)}
  clientId: ${text(answers.clientId)}
  clientSecret: { file: secrets/client-secret }
  groupsClaim: groups

# What groups may do in the dashboard. Without rules of your own, writes wait for the approvers.
roles:
  approver: [${text(answers.approvers)}]
  auditor: []
  admin: []

targets:
  ${target.name}:
    protocol: ${target.protocol}
    host: ${text(target.host)}${target.port === "" ? "" : `\n    port: ${target.port}`}
    database: ${text(target.database)}
    groups: [${text(answers.group)}]
    # The account that Postern uses there; give it to nobody else.
    account: { user: ${text(target.account)}, password: { file: secrets/${target.name} } }
    # disable, prefer, require, verify-ca, or verify-full with the authority's certificate.
    tls: { mode: ${local && /^(localhost|127\.)/.test(target.host) ? "prefer" : "verify-full"} }

# Columns that nobody may see as they are; schema.table.column, with * for any.
masks: []
#  - columns: ["*.customers.ssn"]
#    mask: { kind: partial, keepLast: 4 }

# Your own rules come in order, and the first that matches decides. Without them: reads pass, writes wait,
# schema changes and writes without a restricting WHERE are refused.
# rules:
#  - name: reads
#    what: { kinds: [read, session, transaction] }
#    then: allow
#  - name: writes-wait
#    what: { kinds: [write] }
#    then: approve
`;
}

async function init(values: Values, protocols: readonly string[]): Promise<number> {
  const out = typeof values.out === "string" ? values.out : "postern.yaml";
  const answers = answersOf(values);
  if ((answers.tlsCert === "") !== (answers.tlsKey === "")) {
    throw new UsageError("A certificate needs its key, and a key its certificate: --tls-cert and --tls-key");
  }
  if (URL.parse(answers.url) === null) throw new UsageError(`${answers.url} is no URL for the dashboard`);
  const target = targetOf(answers.target, protocols);
  const config = configText(answers, target);
  try {
    // Never over a config that is there.
    await Deno.writeTextFile(out, config, { createNew: true, mode: 0o640 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw new UsageError(`${out} is there already`);
    throw new UsageError(`${out} cannot be written: ${error instanceof Error ? error.message : error}`);
  }
  const secrets = resolve(dirname(out), "secrets");
  return await say(`${out} is written. Next:

  1. Register Postern at ${answers.issuer} with the redirect URI ${
    new URL("/auth/callback", answers.url).href
  },
     groups in the ID token, and put the client's secret into ${secrets}/client-secret
  2. Put the password of the account ${target.account} into ${secrets}/${target.name}
     (both readable by Postern alone: chmod 600)
  3. postern check ${out}
  4. postern serve --config ${out}`);
}

export function initCommands(protocols: readonly string[]): Commands {
  const flags = Object.values(questions).map(({ flag }) => flag);
  return {
    init: {
      usage: `[--out FILE] ${flags.map((flag) => `[--${flag} …]`).join(" ")}`,
      about: "writes a first config, commented; asks for what no flag says",
      options: Object.fromEntries(["out", ...flags].map((flag) => [flag, "string"])),
      operands: [0, 0],
      run: (_, values) => init(values, protocols),
    },
  };
}
