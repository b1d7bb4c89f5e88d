/** SASL towards clients: which mechanisms are offered, and the exchange of the one that the client takes. */
import { PosternError } from "../../policy/errors.ts";
import type { ConnectionAttempt, PasswordChallenge } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";
import type { ConnectionDeps } from "../protocol.ts";
import type { HandshakeReader } from "../wire/handshake_reader.ts";
import { Reader } from "../wire/reader.ts";
import { authentication } from "./encode.ts";
import { fromClient, headerBytes } from "./frames.ts";
import { bearerOf, bearerRefusal, checkAcknowledged, oauthBearer } from "./oauth_bearer.ts";
import { endPointBinding } from "./scram.ts";
import { ScramServer } from "./scram_server.ts";

/** Authentication requests by their code ("AuthenticationOk" and following). */
export const asks = { ok: 0, clearText: 3, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

const utf8 = new TextEncoder();

/** A password message that may carry a token: the longest token that counts, and what stands around it. */
export const tokenFrameBytesMax = 65_536;

export interface SaslOffer {
  /** For SCRAM; null where nobody has a password. */
  readonly challenge: PasswordChallenge | null;
  /** Whether a token is taken by OAUTHBEARER. */
  readonly bearer: boolean;
}

/**
 * AuthenticationSASL up to the last answer before AuthenticationOk. null where the client went instead. Rejects
 * with AuthFailed, LimitExceeded or ProtocolViolation.
 */
export async function bySasl(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  { challenge, bearer }: SaslOffer,
  deps: ConnectionDeps,
): Promise<Identity | null> {
  const scram = challenge === null ? null : new ScramServer({
    verifier: challenge.verifiers.scram,
    binding: attempt.client.tls === null ? null : ownBinding(deps),
  });
  // libpq takes SCRAM where both are offered: who has a password was given it for this.
  const offered = [...scram?.mechanisms ?? [], ...(bearer ? [oauthBearer] : [])];
  reader.stream.write(authentication(asks.sasl, utf8.encode(`${offered.join("\0")}\0\0`)));
  const bytesMax = bearer ? tokenFrameBytesMax : undefined;
  const initial = await passwordMessage(reader, bytesMax);
  if (initial === null) return null;
  const mechanism = initial.cstring();
  if (!offered.includes(mechanism)) {
    throw new PosternError("ProtocolViolation", "The client took a SASL mechanism that was not offered");
  }
  const length = initial.i32be();
  // Without an initial response (length -1) the client waits for an empty challenge.
  const first = length < 0 ? await asked(reader, "", bytesMax) : initial.text(length);
  if (first === null) return null;
  initial.end();
  if (mechanism === oauthBearer) return await byBearer(reader, attempt, first, deps);
  if (scram === null || challenge === null) return null;
  const response = await asked(reader, scram.first(mechanism, first));
  if (response === null) return null;
  const last = scram.final(response);
  if (last === null) throw challenge.fail();
  const identity = challenge.succeed();
  reader.stream.write(authentication(asks.saslFinal, utf8.encode(last)));
  return identity;
}

async function byBearer(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  first: string,
  { gatekeeper }: ConnectionDeps,
): Promise<Identity | null> {
  const discovery = await gatekeeper.bearer?.discovery();
  if (discovery === undefined) throw new PosternError("AuthFailed", "No tokens are taken here");
  const token = bearerOf(first);
  let refusal: PosternError;
  try {
    if (token !== null) return await gatekeeper.bearer!.verify(attempt, token);
    refusal = new PosternError("AuthFailed", "The client brought no token yet", {
      hint: "It has been told where to get one: set oauth_issuer and oauth_client_id, or sign in by browser",
    });
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    refusal = error;
  }
  const answer = await asked(reader, bearerRefusal(discovery));
  if (answer === null) return null;
  checkAcknowledged(answer);
  throw refusal;
}

/** Sends a challenge; the client's answer, or null where it went instead. */
async function asked(
  reader: HandshakeReader,
  challenge: string,
  bytesMax?: number,
): Promise<string | null> {
  reader.stream.write(authentication(asks.saslContinue, utf8.encode(challenge)));
  const answer = await passwordMessage(reader, bytesMax);
  return answer === null ? null : answer.text(answer.left);
}

/** null where the client went instead: psql closes to ask its person for a password, and comes again. */
export async function passwordMessage(reader: HandshakeReader, bytesMax?: number): Promise<Reader | null> {
  const frame = await reader.next(bytesMax);
  if (frame === null) return null;
  if (frame[0] !== fromClient.password) {
    throw new PosternError("ProtocolViolation", "The client sent something else than its password");
  }
  return new Reader(frame, "a password message", headerBytes);
}

/** tls-server-end-point of the listener's own certificate: the first of its PEM. */
function ownBinding(deps: ConnectionDeps): Uint8Array | null {
  const pem = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(deps.tls?.certificate ?? "")
    ?.[1];
  return pem === undefined ? null : endPointBinding(Buffer.from(pem, "base64"));
}
