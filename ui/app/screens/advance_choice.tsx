/** Statements asked for in advance: which of them are approved and for how long, before the decision and after. */
import type { RequestDetail } from "../../contract.ts";
import { Badge, Time } from "../parts/basics.tsx";
import { counted } from "../parts/format.ts";
import { Preview } from "../parts/statement.tsx";
import { Count } from "./scope_choice.tsx";

export interface Chosen {
  /** Places in the list. */
  readonly places: ReadonlySet<number>;
  readonly minutes: number;
}

type Advance = NonNullable<RequestDetail["advance"]>;

const minutesOf = ({ windowMs }: Advance): number => Math.max(1, Math.floor(windowMs / 60_000));

export function everything({ advance }: RequestDetail): Chosen {
  if (advance === null) return { places: new Set(), minutes: 1 };
  return { places: new Set(advance.list.keys()), minutes: minutesOf(advance) };
}

/** What a decision says of the choice: nothing where it is everything. */
export function narrower(
  { places, minutes }: Chosen,
  advance: Advance,
): { only?: number[]; minutes?: number } {
  return {
    ...(places.size < advance.list.length ? { only: [...places].sort((a, b) => a - b) } : {}),
    ...(minutes < minutesOf(advance) ? { minutes } : {}),
  };
}

interface AdvanceChoiceProps {
  readonly advance: Advance;
  readonly value: Chosen;
  readonly onChange: (chosen: Chosen) => void;
}

export function AdvanceChoice({ advance, value, onChange }: AdvanceChoiceProps) {
  const { list } = advance;
  const choose = (places: Iterable<number>) => onChange({ ...value, places: new Set(places) });
  const toggle = (place: number) =>
    choose(
      value.places.has(place) ? [...value.places].filter((one) => one !== place) : [...value.places, place],
    );
  return (
    <fieldset class="choices">
      <legend>This lets run, each once</legend>
      {list.length < 2 ? null : (
        <p class="choice-tools">
          <button type="button" class="button ghost small" onClick={() => choose(list.keys())}>All</button>
          <button type="button" class="button ghost small" onClick={() => choose([])}>None</button>
        </p>
      )}
      <ol class="choice-list">
        {list.map(({ text }, place) => (
          <li key={place}>
            <label class="choice">
              <input type="checkbox" checked={value.places.has(place)} onChange={() => toggle(place)} />
              <Preview text={text.slice(0, 300)} whole={text.length} />
            </label>
          </li>
        ))}
      </ol>
      <p class="choice-limits">
        within{" "}
        <Count
          label="minutes"
          value={value.minutes}
          max={minutesOf(advance)}
          onChange={(minutes) => onChange({ ...value, minutes })}
        />{" "}
        after the decision
      </p>
    </fieldset>
  );
}

/** What was approved of it, statement by statement where some were left out. */
export function AdvanceGranted({ request: { advance, granted } }: { request: RequestDetail }) {
  if (advance === null || granted === null) return null;
  const { only } = granted;
  return (
    <>
      {only === null
        ? counted(advance.statements, "statement")
        : `${only.length} of ${counted(advance.statements, "statement")}`}, each once, until{" "}
      <Time at={granted.until} />
      {only === null ? null : (
        <ol class="plain-list">
          {advance.list.map(({ text }, place) => (
            <li key={place} class="granted-part">
              {only.includes(place)
                ? <Badge tone="allow" icon="allow">Approved</Badge>
                : <Badge tone="deny" icon="deny">Left out</Badge>}
              <Preview text={text.slice(0, 300)} whole={text.length} />
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
