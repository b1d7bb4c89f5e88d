/**
 * What a greeting says of the target, before anybody knows it: what the client's last target said, else what Postern
 * itself learnt of the targets.
 */
import type { Target } from "../../policy/types.ts";
import { extendedPassed } from "./capabilities.ts";
import type { Greeting } from "./greeting.ts";

export type Shown = Pick<Greeting, "version" | "extended">;

/** Until a first target has been reached. Clients choose their syntax by it. */
const unknown: Shown = { version: "8.0.36-postern", extended: 0 };
const addressesMax = 4_096;
/** A first client waits no longer for what targets say of themselves. */
const meetingMs = 2_000;

export class Versions {
  readonly #byAddress = new Map<string, Shown>();
  #byTarget = new Map<string, Shown>();
  #last = unknown;
  #meeting: Promise<void> | null = null;

  /** Asks each target for its greeting; one that does not answer is as if it were not there. */
  meet(targets: readonly Target[], ask: (target: Target) => Promise<Greeting>): void {
    const own = this.#byTarget = new Map();
    if (targets.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, meetingMs);
    const all = targets.map((target) =>
      ask(target).then((greeting) => {
        if (this.#byTarget === own) this.learn("", target.name, greeting);
        // Whoever connects to it will be told what is wrong with it.
      }, () => {})
    );
    void Promise.all(all).then(() => resolve());
    this.#meeting = promise;
    void promise.then(() => {
      clearTimeout(timer);
      if (this.#meeting === promise) this.#meeting = null;
    });
  }

  /** As forAddress(), once the targets had their time to answer. */
  async greetingFor(address: string): Promise<Shown> {
    if (this.#meeting !== null && !this.#byAddress.has(address)) await this.#meeting;
    return this.forAddress(address);
  }

  forAddress(address: string): Shown {
    return this.#byAddress.get(address) ?? this.#ofAny();
  }

  /** `address` is the client's; empty for a connection of Postern's own. */
  learn(
    address: string,
    target: string,
    { version, mariadb, extended }: Shown & Pick<Greeting, "mariadb">,
  ): void {
    const major = Number.parseInt(version, 10);
    // MariaDB before 11 says so itself: old replicas and many clients take 10 for 1.
    const shown = {
      version: mariadb && major === 10 ? `5.5.5-${version}` : version,
      extended: extended & extendedPassed,
    };
    this.#last = shown;
    this.#byTarget.set(target, shown);
    if (address === "") return;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, shown);
    const oldest = this.#byAddress.keys().next();
    if (this.#byAddress.size > addressesMax && !oldest.done) this.#byAddress.delete(oldest.value);
  }

  /** A client that uses what its target lacks is refused, one that is not offered it does without: what all have. */
  #ofAny(): Shown {
    let { extended } = this.#last;
    for (const shown of this.#byTarget.values()) extended &= shown.extended;
    return { version: this.#last.version, extended };
  }
}
