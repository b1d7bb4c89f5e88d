/** Keeps the sessions of a client that this program started alive: a sign-in is renewed before it ends, and said so. */
import { asPosternError } from "../../policy/errors.ts";
import type { SignedIn } from "./dashboard.ts";

/** As many user names as one request may name; those of sessions that are long over are of no use. */
const usersMax = 500;
const marginMsMax = 60_000;
const againMs = 10_000;

export class Renewal {
  readonly #users: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #begun = false;
  #closed = false;

  constructor(private readonly signedIn: Pick<SignedIn, "renew">) {}

  /** A one-time password's user, whose session is to last. */
  add(user: string): void {
    this.#users.push(user);
    if (this.#users.length > usersMax) this.#users.shift();
    if (this.#begun) return;
    this.#begun = true;
    void this.#renew(0);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Quietly: where it cannot be renewed, the session itself is told why it ends. */
  async #renew(leastMs: number): Promise<void> {
    let waitMs = againMs;
    let marginMs = leastMs;
    try {
      const { now, expiresAt } = await this.signedIn.renew(this.#users, leastMs);
      const leftMs = expiresAt - now;
      marginMs = Math.min(marginMsMax, leftMs / 2);
      waitMs = leftMs - marginMs;
    } catch (error) {
      if (asPosternError(error).code === "AuthFailed") return;
    }
    if (this.#closed) return;
    // What is left when the time has come is less than this, so that new tokens are asked for.
    this.#timer = setTimeout(() => void this.#renew(marginMs + 1000), Math.max(waitMs, 1000));
    Deno.unrefTimer(Number(this.#timer));
  }
}
