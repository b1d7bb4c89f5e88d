/** Which version a greeting names, before anybody knows the target: what the client's last target said. */
import type { Greeting } from "./greeting.ts";

/** Until a first target has been reached. Clients choose their syntax by it. */
const versionUnknown = "8.0.36-postern";
const addressesMax = 4_096;

export class Versions {
  readonly #byAddress = new Map<string, string>();
  #last = versionUnknown;

  forAddress(address: string): string {
    return this.#byAddress.get(address) ?? this.#last;
  }

  /** `address` is the client's; empty for a connection of Postern's own. */
  learn(address: string, { version, mariadb }: Pick<Greeting, "version" | "mariadb">): void {
    const major = Number.parseInt(version, 10);
    // MariaDB before 11 says so itself: old replicas and many clients take 10 for 1.
    const shown = mariadb && major === 10 ? `5.5.5-${version}` : version;
    this.#last = shown;
    if (address === "") return;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, shown);
    const oldest = this.#byAddress.keys().next();
    if (this.#byAddress.size > addressesMax && !oldest.done) this.#byAddress.delete(oldest.value);
  }
}
