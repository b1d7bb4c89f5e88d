/** `postern login`, `postern logout` and `postern targets`. */
import { asPosternError, PosternError } from "../../policy/errors.ts";
import { PublicClient, type Tokens } from "../../policy/identity/public_client.ts";
import { meSchema } from "../contract.ts";
import { CredentialsFile } from "./credentials.ts";
import { about, ask, dashboardUrl, notSignedIn, type Place, proofOf, SignedIn } from "./dashboard.ts";
import { awaitRedirect } from "./loopback.ts";
import { type Commands, say, UsageError, type Values } from "./run.ts";

const env = (name: string) => Deno.env.get(name);

/** Aborted by Ctrl-C, until it is closed. */
function interruptible() {
  const { signal, abort } = (() => {
    const controller = new AbortController();
    const stopped = new PosternError("AuthFailed", "Stopped; nothing was kept");
    return { signal: controller.signal, abort: () => controller.abort(stopped) };
  })();
  Deno.addSignalListener("SIGINT", abort);
  return { signal, [Symbol.dispose]: () => Deno.removeSignalListener("SIGINT", abort) };
}

async function login(operand: string | undefined, values: Values): Promise<number> {
  const file = new CredentialsFile(env);
  const named = operand ?? env("POSTERN_URL") ?? file.read().current;
  if (named === null) {
    throw new UsageError("Name the dashboard: postern login https://postern.example.com:8443");
  }
  const url = dashboardUrl(named);
  const ca = authorityOf(values.ca);
  const { issuer, clientId } = await about({ url, ca });
  if (clientId === null) {
    throw new PosternError("AuthFailed", `${url} has no client for programs at its identity provider`, {
      hint: "Whoever runs Postern: register a public client there, and name it as identity.cliClientId",
    });
  }
  using stop = interruptible();
  const terminal = { show: (line: string) => console.error(line), signal: stop.signal };
  const client = new PublicClient(issuer, clientId, ca);
  const byDevice = values.browser !== true && await client.hasDeviceGrant();
  const tokens = byDevice
    ? await client.byDevice(terminal)
    : await client.byRedirect(terminal, awaitRedirect);
  const person = await personOf({ url, ca }, tokens);
  await file.update((now) => {
    const kept = { issuer, clientId, person, ...(ca === undefined ? {} : { ca }), tokens };
    const signIns = { ...now.signIns, [url]: kept };
    return Promise.resolve([{ ...now, current: url, signIns }, undefined]);
  });
  return await say(`You are signed in at ${url} as ${person}`);
}

/** The text of a PEM file with certificates. Throws UsageError for any other. */
function authorityOf(file: Values[string]): string | undefined {
  if (typeof file !== "string") return undefined;
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    throw new UsageError(`--ca: ${file} cannot be read (${(error as Error).name})`);
  }
  if (!/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(text)) {
    throw new UsageError(`--ca: ${file} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)`);
  }
  return text;
}

/** Before anything is kept, Postern itself says whether the token counts there. */
async function personOf(place: Place, tokens: Tokens): Promise<string> {
  const headers = proofOf(tokens);
  const { name } = await ask(place, "/api/me", meSchema, { headers }).catch((thrown) => {
    const { message, hint } = asPosternError(thrown);
    throw new PosternError(
      "AuthFailed",
      `You signed in, but ${place.url} does not take the token: ${message}`,
      {
        ...(hint === undefined ? {} : { hint }),
      },
    );
  });
  return name;
}

async function logout(operand: string | undefined, values: Values): Promise<number> {
  const file = new CredentialsFile(env);
  const url = operand === undefined ? SignedIn.of(file, undefined, env).url : dashboardUrl(operand);
  const before = file.read();
  const leaving = values.all === true ? Object.keys(before.signIns) : [url];
  if (values.all !== true && before.signIns[url] === undefined) throw notSignedIn(url);
  const lines: string[] = [];
  for (const one of leaving) lines.push(await left(file, one));
  return await say(lines.join("\n") || "There is no sign-in to remove");
}

/** Removed here first, whatever the issuer says: a token that is still good there is then nobody's. */
async function left(file: CredentialsFile, url: string): Promise<string> {
  const saved = await file.update((now) => {
    const { [url]: gone, ...signIns } = now.signIns;
    const current = now.current === url ? Object.keys(signIns)[0] ?? null : now.current;
    return Promise.resolve([{ ...now, current, signIns }, gone]);
  });
  if (saved === undefined) return `There is no sign-in at ${url}`;
  try {
    const revoked = await new PublicClient(saved.issuer, saved.clientId, saved.ca).revoke(saved.tokens);
    return `You are signed out of ${url}${
      revoked ? "" : ` (${saved.issuer} has no way to revoke the tokens)`
    }`;
  } catch (error) {
    return `You are signed out of ${url} here, but the tokens were not revoked: ${
      asPosternError(error).message
    }`;
  }
}

async function targets(values: Values): Promise<number> {
  const signedIn = SignedIn.of(new CredentialsFile(env), values.url, env);
  const { targets: all } = await signedIn.targets();
  if (all.length === 0) return await say("There is no target that you may reach");
  const rows = [
    ["TARGET", "DATABASE", "ENVIRONMENT"],
    ...all.map(({ name, database, environment, listening }) => [
      name,
      database,
      listening ? environment : `${environment} (nothing listens for it)`,
    ]),
  ];
  const widths = [0, 1].map((at) => Math.max(...rows.map((row) => row[at]!.length)));
  return await say(
    rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ").trimEnd()).join("\n"),
  );
}

export const loginCommands: Commands = {
  login: {
    usage: "[URL] [--browser] [--ca FILE]",
    about: "signs you in at a dashboard: by a code, or in a browser on this machine",
    options: { browser: "boolean", ca: "string" },
    operands: [0, 1],
    run: ([url], values) => login(url, values),
  },
  logout: {
    usage: "[URL] [--all]",
    about: "removes the sign-in from this machine, and revokes its tokens",
    options: { all: "boolean" },
    operands: [0, 1],
    run: ([url], values) => logout(url, values),
  },
  targets: {
    usage: "[--url URL]",
    about: "what you may connect to",
    options: { url: "string" },
    operands: [0, 0],
    run: (_, values) => targets(values),
  },
};
