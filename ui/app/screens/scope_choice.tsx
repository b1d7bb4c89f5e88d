/** How far an approval goes: this statement once, or, where the rule lets it, further ones of its session. */
import type { ComponentChildren } from "preact";
import type { ApprovalScope, RequestDetail } from "../../contract.ts";
import { tableList } from "../parts/format.ts";
import { Marked } from "../parts/marked.tsx";

export interface Scope {
  readonly scope: ApprovalScope;
  readonly minutes: number;
  readonly statements: number;
}

export const onceOnly: Scope = { scope: "once", minutes: 1, statements: 1 };

interface ScopeChoiceProps {
  readonly request: RequestDetail;
  readonly value: Scope;
  readonly onChange: (scope: Scope) => void;
}

/** Nothing where the rule offers only "once". */
export function ScopeChoice({ request, value, onChange }: ScopeChoiceProps) {
  const { template, tableScope } = request;
  if (template === null && tableScope === null) return null;
  const limits = value.scope === "template" ? template : value.scope === "tables" ? tableScope : null;
  const choose = (scope: ApprovalScope) => {
    const chosen = scope === "template" ? template : scope === "tables" ? tableScope : null;
    onChange(
      chosen === null
        ? onceOnly
        : { scope, minutes: Math.min(15, chosen.minutesMax), statements: Math.min(10, chosen.statementsMax) },
    );
  };
  const written = request.tables.filter(({ access }) => access === "write");
  return (
    <fieldset class="choices">
      <legend>This lets run</legend>
      <Choice scope="once" value={value} choose={choose}>
        exactly this text and these parameters, once
      </Choice>
      {template === null ? null : (
        <Choice scope="template" value={value} choose={choose}>
          this and further statements of this session that differ from it in their values only
        </Choice>
      )}
      {tableScope === null ? null : (
        <Choice scope="tables" value={value} choose={choose}>
          this and any further writes of this session on <Marked text={tableList(written)} />
        </Choice>
      )}
      {limits === null ? null : (
        <p class="choice-limits">
          at most{" "}
          <Count
            label="statements"
            value={value.statements}
            max={limits.statementsMax}
            onChange={(statements) => onChange({ ...value, statements })}
          />{" "}
          within{" "}
          <Count
            label="minutes"
            value={value.minutes}
            max={limits.minutesMax}
            onChange={(minutes) => onChange({ ...value, minutes })}
          />
        </p>
      )}
    </fieldset>
  );
}

interface ChoiceProps {
  readonly scope: ApprovalScope;
  readonly value: Scope;
  readonly choose: (scope: ApprovalScope) => void;
  readonly children: ComponentChildren;
}

function Choice({ scope, value, choose, children }: ChoiceProps) {
  return (
    <label class="choice">
      <input type="radio" name="scope" checked={value.scope === scope} onChange={() => choose(scope)} />
      <span>{children}</span>
    </label>
  );
}

interface CountProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  readonly onChange: (value: number) => void;
}

export function Count({ label, value, max, onChange }: CountProps) {
  return (
    <label>
      <input
        type="number"
        min={1}
        max={max}
        value={value}
        required
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />{" "}
      {label} <span class="field-note">(up to {max})</span>
    </label>
  );
}
