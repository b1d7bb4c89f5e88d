/** Who asked and who decided: requests name people as they are called, and who somebody is does not change. */
import type { Identity } from "../types.ts";

type Who = Pick<Identity, "issuer" | "subject">;

export const samePerson = (one: Who, other: Who): boolean =>
  one.issuer === other.issuer && one.subject === other.subject;

const keyOf = ({ issuer, subject }: Who): string => JSON.stringify([issuer, subject]);

/** What people who asked or decided since the start were called. */
export class KnownNames {
  readonly #names = new Map<string, Set<string>>();

  add(person: Identity): void {
    const key = keyOf(person);
    this.#names.set(key, (this.#names.get(key) ?? new Set()).add(person.name));
  }

  of(person: Who): ReadonlySet<string> {
    return this.#names.get(keyOf(person)) ?? new Set();
  }
}
