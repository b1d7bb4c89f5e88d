/** Who wants to hear of events, and of which. */
import type { AuditEvent, EventType } from "../types.ts";
import type { Log } from "./worker_client.ts";

interface Listener {
  readonly tell: (event: AuditEvent) => void;
  /** null for all. */
  readonly types: ReadonlySet<EventType> | null;
}

export class Listeners {
  readonly #all = new Set<Listener>();

  constructor(private readonly log: Log) {}

  /** Gives the way to stop. */
  add(listener: (event: AuditEvent) => void, types?: readonly EventType[]): () => void {
    // Its own object, so that one function can be added twice.
    const entry = { tell: listener, types: types === undefined ? null : new Set(types) };
    this.#all.add(entry);
    return () => void this.#all.delete(entry);
  }

  wanted(type: EventType): boolean {
    for (const { types } of this.#all) if (types === null || types.has(type)) return true;
    return false;
  }

  /** Those that anybody wants, and `also`; null for all. */
  types(also: readonly EventType[]): readonly EventType[] | null {
    const wanted = new Set(also);
    for (const { types } of this.#all) {
      if (types === null) return null;
      for (const type of types) wanted.add(type);
    }
    return [...wanted];
  }

  tell(event: AuditEvent): void {
    for (const { tell, types } of [...this.#all]) {
      if (types !== null && !types.has(event.type)) continue;
      try {
        tell(event);
      } catch (error) {
        this.log("error", "a listener of the record failed", { type: event.type, error });
      }
    }
  }
}
