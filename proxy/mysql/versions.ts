/** What a greeting says of the target, before anybody knows it: what the client's last target said. */
import { extendedPassed } from "./capabilities.ts";
import type { Greeting } from "./greeting.ts";

export type Shown = Pick<Greeting, "version" | "extended">;

/** Until a first target has been reached. Clients choose their syntax by it. */
const unknown: Shown = { version: "8.0.36-postern", extended: 0 };
const addressesMax = 4_096;

export class Versions {
  readonly #byAddress = new Map<string, Shown>();
  #last = unknown;

  forAddress(address: string): Shown {
    return this.#byAddress.get(address) ?? this.#last;
  }

  /** `address` is the client's; empty for a connection of Postern's own. */
  learn(address: string, { version, mariadb, extended }: Shown & Pick<Greeting, "mariadb">): void {
    const major = Number.parseInt(version, 10);
    // MariaDB before 11 says so itself: old replicas and many clients take 10 for 1.
    const shown = {
      version: mariadb && major === 10 ? `5.5.5-${version}` : version,
      extended: extended & extendedPassed,
    };
    this.#last = shown;
    if (address === "") return;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, shown);
    const oldest = this.#byAddress.keys().next();
    if (this.#byAddress.size > addressesMax && !oldest.done) this.#byAddress.delete(oldest.value);
  }
}
