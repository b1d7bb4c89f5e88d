/**
 * The hash chain. Each event's content (at, data, person, session, target, type) has a digest, and each link
 * covers that digest, the event's place and the link before it:
 *
 *     digest = SHA-256(canonical JSON of the content)
 *     hash   = SHA-256(canonical JSON of {content: digest, previous, sequence})
 *
 * Two steps instead of one, so that an event can be left out of an export, or erased, with only its digest in
 * its place: the links stay verifiable, and the event before the gap stays bound to the one after it.
 * All hashes are lower-case hex.
 */
import { hash } from "node:crypto";
import type { AuditEvent, EventDraft } from "../types.ts";
import { canonical } from "./canonical.ts";

/** `previous` of the first event. */
export const genesis = "0".repeat(64);

/** Where the chain stands: the newest event's place and hash. */
export interface Head {
  readonly sequence: number;
  readonly hash: string;
}

export const emptyChain: Head = { sequence: 0, hash: genesis };

/** What an event says, without its place: what `digest` covers. */
export type EventContent = EventDraft & { readonly at: number };

/** The canonical JSON of an event's content. Throws TypeError for data that is no JSON. */
export function contentOf(event: EventContent): string {
  const { at, data, person, session, target, type } = event;
  return canonical({ at, data, person, session, target, type });
}

/** The digest of canonical text. */
export const digestOf = (content: string): string => hash("sha256", content, "hex");

/** The hash of the event at `sequence`. */
export const linkOf = (sequence: number, previous: string, digest: string): string =>
  hash("sha256", `{"content":"${digest}","previous":"${previous}","sequence":${sequence}}`, "hex");

/** The head after one more event, computed from its content alone. */
export function next(head: Head, event: EventContent): Head {
  const sequence = head.sequence + 1;
  return { sequence, hash: linkOf(sequence, head.hash, digestOf(contentOf(event))) };
}

/** An event from its stored parts. Throws SyntaxError where `content` is no JSON. */
export function eventOf(sequence: number, previous: string, hash: string, content: string): AuditEvent {
  const parsed = JSON.parse(content) as EventContent;
  return { ...parsed, sequence, previous, hash };
}
