/** What the builders of events share. */
import type { Shown } from "../hidden.ts";
import type { ClientInfo, EventDraft, EventType, ParameterView, RelationUse } from "../types.ts";
import type { EventData } from "./event_data.ts";

/** Whom and what an event is about; what is not known yet is left out. */
export interface About {
  readonly person?: string | null;
  readonly session?: string | null;
  readonly target?: string | null;
}

/** A draft whose `data` has the shape of its type. */
export interface TypedDraft<T extends EventType> extends EventDraft {
  readonly type: T;
  readonly data: EventData[T];
}

export function draft<T extends EventType>(type: T, about: About, data: EventData[T]): TypedDraft<T> {
  return {
    type,
    person: about.person ?? null,
    session: about.session ?? null,
    target: about.target ?? null,
    data,
  } as TypedDraft<T>;
}

export const clientOf = (client: ClientInfo) => ({
  address: client.address,
  port: client.port,
  application: client.application,
  user: client.user,
  tls: client.tls,
});

export const parametersOf = (parameters: readonly ParameterView[]) =>
  parameters.map(({ text, type, bytes }) => ({ text, type, bytes }));

/** Says where values are replaced; nothing where none is. */
export const hiddenOf = ({ hidden = [], hiddenParameters = [] }: Partial<Shown>) => ({
  ...(hidden.length > 0 ? { hidden: hidden.map((range) => [...range]) } : {}),
  ...(hiddenParameters.length > 0 ? { hiddenParameters: [...hiddenParameters] } : {}),
});

export const tablesOf = (tables: readonly RelationUse[]) =>
  tables.map(({ schema, name, access }) => ({ schema, name, access }));
