/**
 * A real OpenID Connect issuer (`oidc-provider`) on loopback, for the demo and the tests only: it signs
 * in whoever clicks on a name.
 */
import { randomBytes } from "node:crypto";
import { createServer as createTlsServer } from "node:https";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { loadLibrary, Memory, type OidcContext, type OidcProvider, quietly } from "./oidc_provider.ts";
import { peoplePage, type Person } from "./people_page.ts";

import { jwkOf, makeKey, type SigningKey, signJws } from "./signing_keys.ts";

export type { Person } from "./people_page.ts";
export { makeKey, type SigningKey, signJws } from "./signing_keys.ts";

export interface IssuerClient {
  readonly id: string;
  /** Absent for a public client, whose loopback redirects may then use any port (RFC 8252). */
  readonly secret?: string;
  readonly redirectUris: readonly string[];
  /** Where the issuer tells this client that somebody has signed out. */
  readonly backchannelLogoutUri?: string;
  /** May also get tokens for itself (client_credentials). */
  readonly serviceAccount?: boolean;
  /** Proves itself by a JWT that this key signs (private_key_jwt, RFC 7523) in the place of a secret. */
  readonly key?: SigningKey;
}

export interface IssuerOptions {
  /** Speaks HTTPS with this certificate; plain HTTP otherwise. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** 0 or absent: any free one. Rejects with the system's error where it is taken. */
  readonly port?: number;
  readonly people: readonly Person[];
  readonly clients: readonly IssuerClient[];
  /** Where the groups stand in a token: segments. Default `["groups"]`. */
  readonly groupsClaim?: readonly string[];
  /** How they are written there. Default: an array of strings. */
  readonly groupsShape?: (groups: readonly string[]) => unknown;
  /** Tell the groups at the userinfo endpoint only, as issuers with small ID tokens do. */
  readonly groupsAtUserinfo?: boolean;
  /** Default RS256. */
  readonly signingAlgorithm?: "RS256" | "PS256" | "ES256" | "EdDSA";
  /** Lifetime of an ID token in seconds. Default 3600. */
  readonly idTokenSeconds?: number;
}

export interface Issuer {
  /** The issuer's identifier, `http://127.0.0.1:<port>` or with https. */
  readonly url: string;
  readonly port: number;
  /** Requests since the start, by the path's first segment: `/jwks`, `/token`, `/.well-known`. */
  readonly requests: ReadonlyMap<string, number>;
  signingKey(): SigningKey;
  /** New keys from now on; the old public key stays published unless `forgetOld`. */
  rotateKeys(options?: { forgetOld?: boolean }): Promise<void>;
  /** A compact JWS over these claims with the current key; header fields as given replace the usual ones. */
  signToken(claims: Record<string, unknown>, header?: Record<string, unknown>): string;
  /** The `sid` of each session that the person has at this issuer, as this client knows it. */
  sessionsOf(email: string, clientId: string): string[];
  /** The claims this issuer would put into an ID token for that person and client, times included. */
  claimsOf(email: string, clientId: string): Record<string, unknown>;
  close(): Promise<void>;
}

/** `value` under a path of segments: `nest(["a", "b"], 1)` is `{a: {b: 1}}`. */
function nest(path: readonly string[], value: unknown): Record<string, unknown> {
  const [first, ...rest] = path;
  if (first === undefined) throw new Error("a claim's path needs a segment");
  return { [first]: rest.length === 0 ? value : nest(rest, value) };
}

function personClaims(person: Person, options: IssuerOptions): Record<string, unknown> {
  const groups = (options.groupsShape ?? ((all) => [...all]))(person.groups);
  const claims: Record<string, unknown> = {
    sub: person.email,
    email: person.email,
    email_verified: person.emailVerified ?? true,
    name: person.name,
    preferred_username: person.email.split("@")[0],
    ...nest(options.groupsClaim ?? ["groups"], groups),
    ...person.claims,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null));
}

async function makeProvider(
  url: string,
  options: IssuerOptions,
  memory: Memory,
  cookieKey: string,
  keys: readonly SigningKey[],
): Promise<OidcProvider> {
  const { Provider, interactionPolicy } = await loadLibrary();
  const policy = interactionPolicy.base();
  // A demo plays several people in one browser: every sign-in asks who it is, whatever cookie is there.
  policy.get("login").checks.add(
    new interactionPolicy.Check("who", "choose a person", (ctx) => ctx.oidc.result?.login === undefined),
  );
  // Consent is not this issuer's subject, not even the one that public clients need.
  policy.remove("consent");
  const algorithm = options.signingAlgorithm ?? "RS256";
  const claimNames = new Set(options.people.flatMap((person) => Object.keys(personClaims(person, options))));
  return quietly(() =>
    new Provider(url, {
      adapter: memory.adapter,
      clients: options.clients.map((client) => clientMetadata(client, algorithm)),
      claims: { openid: [...claimNames] },
      conformIdTokenClaims: false,
      cookies: { keys: [cookieKey] },
      enabledJWA: { idTokenSigningAlgValues: [algorithm] },
      features: {
        devInteractions: { enabled: false },
        backchannelLogout: { enabled: true },
        clientCredentials: { enabled: true },
        deviceFlow: { enabled: true, charset: "base-20", mask: "****-****" },
        introspection: { enabled: true, allowedPolicy: () => true },
        revocation: { enabled: true, allowedPolicy: () => true },
      },
      findAccount: (_ctx: OidcContext, id: string) => {
        const person = options.people.find((one) => one.email === id);
        const claims = (use: string) => {
          const all = { ...(person && personClaims(person, options)), sub: id };
          const top = options.groupsClaim?.[0] ?? "groups";
          return options.groupsAtUserinfo && use === "id_token" ? { ...all, [top]: undefined } : all;
        };
        return person && { accountId: id, claims };
      },
      interactions: {
        policy,
        url: (_ctx: OidcContext, interaction: { uid: string }) => `/people/${interaction.uid}`,
      },
      issueRefreshToken: () => true,
      jwks: { keys: keys.map((key) => jwkOf(key, "privateKey")) },
      loadExistingGrant: grantEverything,
      pkce: { required: () => true },
      renderError: (ctx: OidcContext, out: Record<string, unknown>) => {
        ctx.type = "text/plain";
        ctx.body = `The demo issuer refused this: ${out.error}: ${out.error_description ?? ""}\n`;
      },
      scopes: ["openid", "offline_access", "email", "profile", "groups"],
      ttl: {
        AccessToken: 3600,
        AuthorizationCode: 60,
        ClientCredentials: 600,
        DeviceCode: 600,
        Grant: 86_400,
        IdToken: options.idTokenSeconds ?? 3600,
        Interaction: 600,
        RefreshToken: 86_400,
        Session: 86_400,
      },
    })
  );
}

function clientMetadata(client: IssuerClient, algorithm: string): Record<string, unknown> {
  const grants = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"];
  return {
    client_id: client.id,
    ...(client.key !== undefined
      ? { token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [jwkOf(client.key, "publicKey")] } }
      : client.secret === undefined
      ? { token_endpoint_auth_method: "none", application_type: "native" }
      : { client_secret: client.secret }),
    redirect_uris: [...client.redirectUris],
    ...(client.backchannelLogoutUri === undefined ? {} : {
      backchannel_logout_uri: client.backchannelLogoutUri,
      backchannel_logout_session_required: true,
    }),
    response_types: ["code"],
    grant_types: client.serviceAccount ? [...grants, "client_credentials"] : grants,
    id_token_signed_response_alg: algorithm,
  };
}

/** Whoever signed in has granted what was asked. */
async function grantEverything(ctx: OidcContext): Promise<unknown> {
  const { account, client, provider } = ctx.oidc;
  if (account === undefined) return undefined;
  const grant = new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  grant.addOIDCScope("openid offline_access email profile groups");
  await grant.save();
  return grant;
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > 10_000) throw new Error("the form is too large");
  }
  return new URLSearchParams(text);
}

async function servePeople(
  provider: OidcProvider,
  options: IssuerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { params } = await provider.interactionDetails(request, response);
  if (request.method !== "POST") {
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    });
    response.end(peoplePage(options.people, String(params.client_id)));
    return;
  }
  const email = (await formOf(request)).get("person");
  const known = options.people.some((person) => person.email === email);
  const result = known
    ? { login: { accountId: email, remember: false } }
    : { error: "access_denied", error_description: "the sign-in was cancelled" };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

/** Answers requests with the current provider; `swap` replaces it without a pause. */
function serveWith(server: Server, options: IssuerOptions): (provider: OidcProvider) => void {
  let current: { provider: OidcProvider; callback: ReturnType<OidcProvider["callback"]> } | null = null;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (current === null) return void response.writeHead(503).end();
    if (!request.url?.startsWith("/people/")) return void current.callback(request, response);
    servePeople(current.provider, options, request, response).catch((error) => {
      if (!response.headersSent) response.writeHead(400, { "content-type": "text/plain" });
      response.end(`The demo issuer cannot go on with this sign-in: ${(error as Error).message}\n`);
    });
  });
  return (provider) => {
    current = { provider, callback: provider.callback() };
  };
}

export async function startIssuer(options: IssuerOptions): Promise<Issuer> {
  const requests = new Map<string, number>();
  const sockets = new Set<Socket>();
  const { tls } = options;
  const server: Server = tls === undefined
    ? createServer()
    : createTlsServer({ cert: tls.certificate, key: tls.key }) as unknown as Server;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("request", (request: IncomingMessage) => {
    const path = `/${request.url?.split(/[/?]/)[1] ?? ""}`;
    requests.set(path, (requests.get(path) ?? 0) + 1);
  });
  const swap = serveWith(server, options);
  const port = await listen(server, options.port ?? 0);
  const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const algorithm = options.signingAlgorithm ?? "RS256";
  const memory = new Memory();
  const cookieKey = randomBytes(32).toString("hex");
  let keys = [makeKey(algorithm)];
  const renew = async () => swap(await makeProvider(url, options, memory, cookieKey, keys));
  await renew();
  const signingKey = () => keys[0] as SigningKey;
  return {
    url,
    port,
    requests,
    signingKey,
    async rotateKeys({ forgetOld = false } = {}) {
      keys = [makeKey(algorithm), ...(forgetOld ? [] : keys)];
      await renew();
    },
    signToken: (claims, header) => signJws(signingKey(), claims, header),
    sessionsOf: (email, clientId) => memory.sessionsOf(email, clientId),
    claimsOf(email, clientId) {
      const person = options.people.find((one) => one.email === email);
      if (person === undefined) throw new Error(`the issuer knows no ${email}`);
      const now = Math.floor(Date.now() / 1000);
      return { ...personClaims(person, options), iss: url, aud: clientId, iat: now, exp: now + 3600 };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export { HttpBrowser, signInByHttp } from "./http_browser.ts";
