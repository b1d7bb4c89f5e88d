/**
 * OAUTHBEARER, the server's part (RFC 7628, as PostgreSQL 18 speaks it). Pure.
 *
 * client-first: a GS2 header (RFC 5801) of `n,,` or `y,,`, then 0x01, then pairs `key=value` each with 0x01 behind
 * it, then 0x01. The pair `auth` is `Bearer TOKEN`, or empty where the client asks what it needs a token for. A
 * refusal is a JSON object, which the client answers by a lone 0x01 before it hears the error (section 3.2.3).
 */
import { PosternError } from "../../policy/errors.ts";

export const oauthBearer = "OAUTHBEARER";

/** What a client that has no token must know to get one. */
export interface BearerDiscovery {
  readonly configurationUrl: string;
  /** Apart by blanks. */
  readonly scope: string;
}

const separator = "\x01";

const malformed = (what: string) =>
  new PosternError("ProtocolViolation", `The client's OAUTHBEARER message is malformed: ${what}`);

/** The token; null where the client asks for the discovery. Throws ProtocolViolation. */
export function bearerOf(clientFirst: string): string | null {
  if (clientFirst.startsWith("p=")) throw malformed("this mechanism has no channel binding");
  if (!/^[ny],/.test(clientFirst)) throw malformed("no GS2 header");
  // Acting for somebody else is not offered: who it is comes from the token alone.
  if (!clientFirst.startsWith(",", 2)) throw malformed("it names an authorization identity");
  const rest = clientFirst.slice(3);
  if (!rest.startsWith(separator) || !rest.endsWith(separator + separator)) throw malformed("its separators");
  let auth: string | null = null;
  for (const pair of rest.slice(1, -2).split(separator)) {
    const match = /^([A-Za-z]+)=([\t\n\r\x20-\x7e]*)$/.exec(pair);
    const [, key, value] = match ?? [];
    if (key === undefined || value === undefined) throw malformed("a pair that is none");
    if (key !== "auth") continue;
    if (auth !== null) throw malformed("two values of `auth`");
    auth = value;
  }
  if (auth === null) throw malformed("it has no `auth`");
  if (auth === "") return null;
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(auth)?.[1];
  if (token === undefined) throw malformed("`auth` is no bearer token");
  return token;
}

/** What a refused client, or one without a token, is told before the error itself (section 3.2.2). */
export function bearerRefusal({ configurationUrl, scope }: BearerDiscovery): string {
  return JSON.stringify({ status: "invalid_token", "openid-configuration": configurationUrl, scope });
}

/** The client has read the refusal. Throws ProtocolViolation for anything but the lone separator. */
export function checkAcknowledged(response: string): void {
  if (response !== separator) throw malformed("it does not acknowledge the refusal");
}
