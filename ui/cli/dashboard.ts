/** The dashboard's API, as commands on a person's own machine use it: with the token of `postern login`. */
import { z } from "zod";
import { asPosternError, PosternError } from "../../policy/errors.ts";
import { clientTrusting, isPlainLoopback } from "../../policy/identity/fetch_limits.ts";
import { PublicClient, type Tokens } from "../../policy/identity/public_client.ts";
import {
  aboutSchema,
  ACCESS_TOKEN_HEADER,
  errorSchema,
  type OneTimePassword,
  passwordSchema,
  type Renewed,
  renewedSchema,
  type Targets,
  targetsSchema,
} from "../contract.ts";
import type { CredentialsFile, SavedSignIn } from "./credentials.ts";
import { UsageError } from "./run.ts";

const timeoutMs = 20_000;
/** Tokens are renewed this long before they end, so that none ends on the way. */
const earlyMs = 30_000;
const json = { "content-type": "application/json" };

/** An address as it was typed, as it is kept: scheme, host and port. Throws UsageError. */
export function dashboardUrl(text: string): string {
  const url = URL.parse(/^https?:\/\//i.test(text) ? text : `https://${text}`);
  if (url === null || url.pathname !== "/" || url.search !== "" || url.username !== "") {
    throw new UsageError(`"${text}" is no address of a dashboard, as in https://postern.example.com:8443`);
  }
  if (url.protocol !== "https:" && !isPlainLoopback(url)) {
    throw new UsageError(`${url.origin} is not https: a token sent there could be read on the way`);
  }
  return url.origin;
}

/** A dashboard as programs ask it: where, and the authorities (PEM) that count beside the public ones. */
export interface Place {
  readonly url: string;
  readonly ca: string | undefined;
}

/** Asks once, with a time limit; redirects are not followed. Throws PosternErrors in words for a terminal. */
export async function ask<T>(
  { url, ca }: Place,
  path: string,
  schema: z.ZodType<T>,
  init: RequestInit = {},
): Promise<T> {
  const client = clientTrusting(ca);
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(`${url}${path}`, {
      ...init,
      ...(client === null ? {} : { client }),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    body = await response.json().catch(() => null);
  } catch (cause) {
    throw unreachable(url, cause);
  } finally {
    client?.close();
  }
  if (response.ok) {
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new PosternError("ProtocolViolation", `${url} does not answer as a Postern of this version`, {
      hint: "Check the address; the programs on both ends should be of the same version",
    });
  }
  const refusal = errorSchema.safeParse(body);
  if (!refusal.success) {
    throw new PosternError("ProtocolViolation", `${url} answers with HTTP ${response.status}`, {
      hint: "Check the address: this may be another program",
    });
  }
  const { code, message, hint } = refusal.data.error;
  throw new PosternError(response.status === 401 ? "AuthFailed" : "PolicyDenied", message, {
    rule: code,
    ...(hint === undefined ? {} : { hint: response.status === 401 ? "Run `postern login` again" : hint }),
  });
}

function unreachable(url: string, cause: unknown): PosternError {
  const untrusted = /certificate/i.test(String((cause as Error).cause ?? cause));
  return new PosternError("TargetUnavailable", `Postern's dashboard cannot be reached at ${url}`, {
    hint: untrusted
      ? "Its certificate is not accepted: name your company's authority with `postern login --ca FILE`"
      : "Check the address, and the network or VPN",
    cause,
  });
}

export const about = (place: Place) => ask(place, "/.well-known/postern", aboutSchema);

/** The signed-in person at one dashboard. */
export class SignedIn {
  constructor(readonly url: string, private readonly file: CredentialsFile) {}

  /** The dashboard that is meant: by `--url`, by POSTERN_URL, or the one of the last `postern login`. */
  static of(file: CredentialsFile, named: unknown, env: (name: string) => string | undefined): SignedIn {
    const wanted = typeof named === "string" ? named : env("POSTERN_URL") ?? file.read().current;
    if (wanted === null) throw notSignedIn();
    return new SignedIn(dashboardUrl(wanted), file);
  }

  targets(): Promise<Targets> {
    return this.#ask("/api/targets", targetsSchema);
  }

  password(target: string): Promise<OneTimePassword> {
    return this.#ask(`/api/targets/${encodeURIComponent(target)}/password`, passwordSchema, {
      method: "POST",
      body: "{}",
      headers: json,
    });
  }

  /** Makes the sessions of these one-time passwords last, with tokens that are good for `leastMs` at least. */
  renew(users: readonly string[], leastMs: number): Promise<Renewed> {
    const init = { method: "POST", body: JSON.stringify({ users }), headers: json };
    return this.#ask("/api/sessions/renew", renewedSchema, init, leastMs);
  }

  /** Any other route that takes a token; the answer is checked by the schema. */
  call<T>(path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    if (body === undefined) return this.#ask(path, schema);
    return this.#ask(path, schema, {
      method: "POST",
      body: JSON.stringify(body),
      headers: json,
    });
  }

  async #ask<T>(
    path: string,
    schema: z.ZodType<T>,
    init: RequestInit = {},
    leastMs = earlyMs,
  ): Promise<T> {
    const tokens = await this.#tokens(leastMs);
    const { ca } = this.file.read().signIns[this.url] ?? {};
    const headers = { ...init.headers as Record<string, string>, ...proofOf(tokens) };
    return await ask({ url: this.url, ca }, path, schema, { ...init, headers });
  }

  async #tokens(leastMs: number): Promise<Tokens> {
    const isFresh = ({ tokens }: SavedSignIn) => tokens.expiresAt - Math.max(leastMs, earlyMs) > Date.now();
    const saved = this.file.read().signIns[this.url];
    if (saved === undefined) throw notSignedIn(this.url);
    if (isFresh(saved)) return saved.tokens;
    return await this.file.update(async (now) => {
      // Another command may have renewed it while this one waited for the lock.
      const current = now.signIns[this.url];
      if (current === undefined) throw notSignedIn(this.url);
      if (isFresh(current)) return [now, current.tokens];
      const tokens = await new PublicClient(current.issuer, current.clientId, current.ca)
        .renew(current.tokens).catch((thrown) => {
          const { message, rule } = asPosternError(thrown);
          throw new PosternError("AuthFailed", `Your sign-in cannot be renewed: ${message}`, {
            hint: "Run `postern login` again",
            ...(rule === undefined ? {} : { rule }),
          });
        });
      const signIns = { ...now.signIns, [this.url]: { ...current, tokens } };
      return [{ ...now, signIns }, tokens];
    });
  }
}

/** Who it is, and what lets the issuer be asked about them again: see ui/api/bearer.ts. */
export function proofOf({ bearer, accessToken, accessEndsAt }: Tokens): Record<string, string> {
  const authorization = `Bearer ${bearer}`;
  if (accessEndsAt === undefined || accessToken === bearer) return { authorization };
  const seconds = Math.max(0, Math.floor((accessEndsAt - Date.now()) / 1000));
  return { authorization, [ACCESS_TOKEN_HEADER]: `${seconds} ${accessToken}` };
}

export function notSignedIn(url?: string): PosternError {
  return new PosternError("AuthFailed", `You are not signed in${url === undefined ? "" : ` at ${url}`}`, {
    hint: `Run \`postern login ${url ?? "https://ADDRESS-OF-THE-DASHBOARD"}\``,
  });
}
