/**
 * Adapter to the npm package `oidc-provider`, which ships no types: the part of its API that the issuer uses.
 * Its adapter interface is that of its own documentation ("adapter").
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

export interface InteractionDetails {
  readonly uid: string;
  readonly prompt: { readonly name: string };
  readonly params: Readonly<Record<string, unknown>>;
}

export interface OidcContext {
  readonly oidc: {
    readonly account?: { readonly accountId: string };
    readonly client: { readonly clientId: string };
    readonly result?: { readonly login?: { readonly accountId: string } };
    readonly provider: OidcProvider;
  };
  type: string;
  body: unknown;
}

interface Grant {
  addOIDCScope(scope: string): void;
  addOIDCClaims(claims: string[]): void;
  addResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}

export interface OidcProvider {
  callback(): RequestListener;
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<InteractionDetails>;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: Record<string, unknown>,
    options: { mergeWithLastSubmission: boolean },
  ): Promise<void>;
  on(event: string, listener: (context: OidcContext, error: Error) => void): void;
  readonly Grant: new (of: { accountId: string; clientId: string }) => Grant;
}

interface Prompts {
  get(name: string): { readonly checks: { add(check: unknown): void } };
  remove(name: string): void;
}

interface Library {
  readonly Provider: new (issuer: string, configuration: Record<string, unknown>) => OidcProvider;
  readonly interactionPolicy: {
    readonly base: () => Prompts;
    readonly Check: new (
      reason: string,
      description: string,
      check: (context: OidcContext) => boolean,
    ) => unknown;
  };
}

/** Its notices are for people who run it as their issuer; here they would only bury the demo's own lines. */
export async function quietly<T>(work: () => T | Promise<T>): Promise<T> {
  const { warn, info } = console;
  const unlessIts = (print: typeof warn) => (...what: unknown[]) => {
    if (!String(what[0]).includes("oidc-provider ")) print(...what);
  };
  console.warn = unlessIts(warn);
  console.info = unlessIts(info);
  try {
    return await work();
  } finally {
    console.warn = warn;
    console.info = info;
  }
}

export const loadLibrary = (): Promise<Library> =>
  quietly(async () => (await import("oidc-provider")) as unknown as Library);

type Payload = Record<string, unknown> & { grantId?: string; uid?: string; userCode?: string };

/** Everything the issuer remembers, in memory, shared by the provider instances that key rotation makes. */
export class Memory {
  readonly #entries = new Map<string, { payload: Payload; until: number }>();

  /** The `sid` that this client knows each of the person's sessions at the issuer by. */
  sessionsOf(accountId: string, clientId: string): string[] {
    return [...this.#entries].filter(([name]) => name.startsWith("Session:")).flatMap(([, { payload }]) => {
      const authorizations = payload.authorizations as Record<string, { sid?: string }> | undefined;
      const sid = authorizations?.[clientId]?.sid;
      return payload.accountId === accountId && sid !== undefined ? [sid] : [];
    });
  }

  /** What `oidc-provider` calls once for each of its models. */
  readonly adapter = (model: string) => {
    const entries = this.#entries;
    const get = (id: string) => {
      const entry = entries.get(`${model}:${id}`);
      return Promise.resolve(entry !== undefined && entry.until > Date.now() ? entry.payload : undefined);
    };
    const findBy = (key: "uid" | "userCode", value: string) => {
      for (const [name, entry] of entries) {
        if (name.startsWith(`${model}:`) && entry.payload[key] === value) {
          return Promise.resolve(entry.payload);
        }
      }
      return Promise.resolve(undefined);
    };
    return {
      upsert(id: string, payload: Payload, expiresIn?: number): Promise<void> {
        const until = expiresIn === undefined ? Infinity : Date.now() + expiresIn * 1000;
        entries.set(`${model}:${id}`, { payload, until });
        return Promise.resolve();
      },
      find: get,
      findByUid: (uid: string) => findBy("uid", uid),
      findByUserCode: (userCode: string) => findBy("userCode", userCode),
      destroy(id: string): Promise<void> {
        entries.delete(`${model}:${id}`);
        return Promise.resolve();
      },
      async consume(id: string): Promise<void> {
        const payload = await get(id);
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
      },
      revokeByGrantId(grantId: string): Promise<void> {
        for (const [name, entry] of entries) if (entry.payload.grantId === grantId) entries.delete(name);
        return Promise.resolve();
      },
    };
  };
}
