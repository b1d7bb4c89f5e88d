/** One focused confirm for each of the two decisions. */
import { useState } from "preact/hooks";
import type { Decision, RequestAnswer, RequestDetail } from "../../contract.ts";
import { Failure } from "../parts/basics.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { tableList, verbList } from "../parts/format.ts";
import { Marked } from "../parts/marked.tsx";
import { Preview } from "../parts/statement.tsx";
import { AdvanceChoice, type Chosen, everything, narrower } from "./advance_choice.tsx";
import { onceOnly, type Scope, ScopeChoice } from "./scope_choice.tsx";
import { type ApiError, asApiError, post } from "../state/api.ts";

interface DecisionProps {
  readonly request: RequestDetail;
  readonly approve: boolean;
  readonly onClose: () => void;
  /** Called where it failed, too: then with null, so that the request is asked for again. */
  readonly onDecided: (decided: RequestDetail | null) => void;
}

export function DecisionDialog({ request, approve, onClose, onDecided }: DecisionProps) {
  const [reason, setReason] = useState("");
  const [scope, setScope] = useState(onceOnly);
  const [chosen, setChosen] = useState(() => everything(request));
  const [missing, setMissing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const decide = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    if (!approve && reason.trim() === "") {
      setMissing(true);
      return;
    }
    setBusy(true);
    try {
      const terms = approve ? termsOf(request, scope, chosen) : {};
      const body: Decision = { approve, reason: reason.trim(), ...terms };
      const { request: decided } = await post<RequestAnswer>(`/api/requests/${request.id}/decision`, body);
      onDecided(decided);
    } catch (thrown) {
      setError(asApiError(thrown));
      setBusy(false);
      onDecided(null);
    }
  };

  return (
    <Dialog
      title={titleOf(request, approve)}
      onClose={onClose}
      {...(approve ? {} : { tone: "deny" as const })}
    >
      <form onSubmit={decide} noValidate>
        <Summary request={request} approve={approve} />
        {!approve
          ? null
          : isChosen(request)
          ? <AdvanceChoice advance={request.advance} value={chosen} onChange={setChosen} />
          : <ScopeChoice request={request} value={scope} onChange={setScope} />}
        <ReasonField
          request={request}
          approve={approve}
          reason={reason}
          missing={missing}
          onInput={(text) => {
            setReason(text);
            setMissing(false);
          }}
          onSubmit={decide}
        />
        {error ? <Failure error={error} /> : null}
        <div class="dialog-actions">
          <button type="button" class="button ghost" onClick={onClose}>Cancel</button>
          <button
            type="submit"
            class={`button ${approve ? "approve" : "deny"}`}
            autoFocus={approve}
            disabled={busy || (approve && isChosen(request) && chosen.places.size === 0)}
          >
            {approve ? approveWords(request, scope, chosen) : "Deny"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function titleOf({ advance }: RequestDetail, approve: boolean): string {
  const what = (advance?.statements ?? 1) > 1 ? "these statements" : "this statement";
  return `${approve ? "Approve" : "Deny"} ${what}`;
}

/** The approver picks of a list; a record of before has none. */
function isChosen(
  request: RequestDetail,
): request is RequestDetail & { advance: NonNullable<RequestDetail["advance"]> } {
  return request.advance !== null && request.advance.list.length > 0;
}

/** How far the approval goes, beyond this statement once or below all that was asked for. */
function termsOf(request: RequestDetail, scope: Scope, chosen: Chosen): Partial<Decision> {
  if (isChosen(request)) return narrower(chosen, request.advance);
  return scope.scope === "once" ? {} : scope;
}

function approveWords(request: RequestDetail, scope: Scope, { places }: Chosen): string {
  if (!isChosen(request)) {
    return scope.scope === "once" ? "Approve once" : `Approve up to ${scope.statements}`;
  }
  const { statements } = request.advance;
  if (statements === 1) return "Approve once";
  return places.size === statements ? `Approve all ${statements}` : `Approve ${places.size} of ${statements}`;
}

function Summary({ request, approve }: { request: RequestDetail; approve: boolean }) {
  return (
    <>
      <p class="dialog-lead">
        <strong>
          <Marked text={request.person} />
        </strong>{" "}
        {approve ? "may run" : "may not run"} <strong>{verbList(request.verbs)}</strong>
        <Marked text={request.tables.length > 0 ? ` on ${tableList(request.tables)}` : ""} /> in{" "}
        <strong>
          <Marked text={request.target} />
        </strong>
        {!approve
          ? "."
          : request.template || request.tableScope || isChosen(request)
          ? ":"
          : ": exactly this text and these parameters, once, now."}
      </p>
      {approve && isChosen(request) ? null : (
        <div class="dialog-preview">
          <Preview text={request.text.slice(0, 400)} whole={request.text.length} />
        </div>
      )}
    </>
  );
}

interface ReasonFieldProps {
  readonly request: RequestDetail;
  readonly approve: boolean;
  readonly reason: string;
  readonly missing: boolean;
  readonly onInput: (text: string) => void;
  readonly onSubmit: (event: Event) => void;
}

function ReasonField({ request, approve, reason, missing, onInput, onSubmit }: ReasonFieldProps) {
  return (
    <label class="field">
      <span class="field-name">
        Reason <span class="field-note">{approve ? "optional, kept in the record" : "required"}</span>
      </span>
      <textarea
        rows={2}
        maxLength={2000}
        value={reason}
        autoFocus={!approve}
        required={!approve}
        aria-invalid={missing}
        aria-describedby={missing ? "reason-missing" : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onSubmit(event);
        }}
      />
      {missing
        ? (
          <span id="reason-missing" class="field-error" role="alert">
            Say why: <Marked text={request.person} /> sees it in their client.
          </span>
        )
        : null}
    </label>
  );
}
