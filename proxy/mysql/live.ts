/** The connections that run, for KILL: a client's own, by the id of its greeting or the target's own id. */
import { randomInt } from "node:crypto";
import type { Identity } from "../../policy/types.ts";

export type KillKind = "QUERY" | "CONNECTION";

export interface LiveConnection {
  /** As the greeting said. Random, so that knowing it is worth something, like PostgreSQL's cancel key. */
  readonly greetingId: number;
  readonly address: string;
  readonly user: string;
  /** null until the target is there. */
  readonly identity: Identity | null;
  /** The target's name and its id of the connection. */
  readonly target: string;
  readonly threadId: number;
  /** Withdraws a held statement, or interrupts the running one, or ends the connection. */
  kill(kind: KillKind): Promise<void>;
}

export class LiveConnections {
  readonly #byGreeting = new Map<number, LiveConnection | null>();

  /** A free id for a greeting. It stays reserved until remove(). */
  reserve(): number {
    for (;;) {
      const id = randomInt(1 << 24, 2 ** 32 - 1);
      if (this.#byGreeting.has(id)) continue;
      this.#byGreeting.set(id, null);
      return id;
    }
  }

  add(connection: LiveConnection): void {
    this.#byGreeting.set(connection.greetingId, connection);
  }

  remove(greetingId: number): void {
    this.#byGreeting.delete(greetingId);
  }

  /** Whether one of this user's runs from this address: such a client may want nothing but to kill it. */
  someOf(address: string, user: string): boolean {
    for (const one of this.#byGreeting.values()) {
      if (one !== null && one.address === address && one.user === user) return true;
    }
    return false;
  }

  /** For a client that did not sign in: its greeting's id, its address and its user must fit. */
  ofGreeting(id: number, address: string, user: string): LiveConnection | null {
    const one = this.#byGreeting.get(id) ?? null;
    return one !== null && one.address === address && one.user === user ? one : null;
  }

  /** For a person who has signed in: any connection of theirs, by either id. */
  ofPerson(id: number, identity: Identity, target: string): LiveConnection | null {
    const direct = this.#byGreeting.get(id) ?? null;
    if (direct !== null && isOf(direct, identity)) return direct;
    for (const one of this.#byGreeting.values()) {
      if (one !== null && one.threadId === id && one.target === target && isOf(one, identity)) return one;
    }
    return null;
  }
}

function isOf({ identity }: LiveConnection, other: Identity): boolean {
  return identity !== null && identity.issuer === other.issuer && identity.subject === other.subject;
}

const killText =
  /^\s*(?:\/\*(?![!M])(?:[^*]|\*(?!\/))*\*\/\s*)*kill\s+(?:(?:hard|soft)\s+)?(?:(query|connection)\s+)?(\d{1,10})\s*;?\s*$/i;

/** A text that kills by number and does nothing else; null for all others. */
export function parseKill(text: string): { readonly kind: KillKind; readonly id: number } | null {
  const match = text.length > 200 ? null : killText.exec(text);
  if (match === null) return null;
  return { kind: match[1]?.toLowerCase() === "query" ? "QUERY" : "CONNECTION", id: Number(match[2]) };
}
