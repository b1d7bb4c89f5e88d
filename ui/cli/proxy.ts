/** `postern proxy`: a port on this machine that a GUI connects to, without a password, for as long as it runs. */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { PosternError } from "../../policy/errors.ts";
import type { OneTimePassword } from "../contract.ts";
import { CredentialsFile } from "./credentials.ts";
import { SignedIn } from "./dashboard.ts";
import { Renewal } from "./renewal.ts";
import { type Commands, readText, say, UsageError, type Values } from "./run.ts";

export interface ForwardRequest {
  readonly target: string;
  readonly ca: string | null;
  readonly credential: () => Promise<{ readonly user: string; readonly password: string }>;
}

/** Serves one client of this machine at the Postern that listens there. Never rejects. */
export type ForwardTo = (client: Socket, at: OneTimePassword["at"], request: ForwardRequest) => Promise<void>;

const env = (name: string) => Deno.env.get(name);
/** A password that ends sooner is not used any more: it might end on the way. */
const earlyMs = 15_000;

function portOf(values: Values): number {
  const port = values.port === undefined ? 0 : Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new UsageError("--port wants a port number");
  }
  return port;
}

async function proxy(target: string, values: Values, forward: ForwardTo): Promise<number> {
  const port = portOf(values);
  const ca = typeof values.ca === "string" ? readText(values.ca) : null;
  const signedIn = SignedIn.of(new CredentialsFile(env), values.url, env);
  // Asked for once before anything listens: who may not connect is told so now. The first client uses it.
  let spare: OneTimePassword | null = await signedIn.password(target);
  const { at } = spare;
  const renewal = new Renewal(signedIn);
  const credential = async () => {
    const kept = spare;
    spare = null;
    const good = kept !== null && kept.expiresAt - earlyMs > Date.now();
    const credential = good ? kept : await signedIn.password(target);
    renewal.add(credential.user);
    return credential;
  };
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.once("close", () => clients.delete(client));
    void forward(client, at, { target, ca, credential });
  });
  await new Promise<void>((ready, failed) => {
    server.once("error", (cause) =>
      failed(
        new PosternError("Internal", `Port ${port} on this machine cannot be used`, {
          hint: "Name another one with --port, or none for a free one",
          cause,
        }),
      ));
    server.listen(port, "127.0.0.1", ready);
  });
  const own = (server.address() as AddressInfo).port;
  console.log(
    `${target} is at 127.0.0.1 port ${own}, database ${target}: any user name, no password. Ctrl-C ends it.`,
  );
  console.error("Whoever can run programs on this machine can use that port as you.");
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  await stopped;
  renewal.close();
  server.close();
  for (const client of clients) client.destroy();
  return await say("Stopped.");
}

export function proxyCommands(forward: ForwardTo): Commands {
  return {
    proxy: {
      usage: "TARGET [--port PORT] [--ca FILE] [--url URL]",
      about: "keeps a port open on this machine for a GUI, signed in as you",
      options: { port: "string", ca: "string", url: "string" },
      operands: [1, 1],
      run: ([target = ""], values) => proxy(target, values, forward),
    },
  };
}
