/** Ends a running session, or all of a person's, with a reason that they see. */
import { useState } from "preact/hooks";
import type { Done } from "../../contract.ts";
import type { Ended } from "../../contract/live.ts";
import { Failure } from "../parts/basics.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { counted, listed } from "../parts/format.ts";
import { Marked } from "../parts/marked.tsx";
import { type ApiError, asApiError, post } from "../state/api.ts";
import { announcement } from "../state/requests.ts";

/** One session, or every one of a person's that the viewer may end. */
export type Ending =
  | { readonly session: { readonly id: string; readonly person: string; readonly target: string } }
  | { readonly person: string; readonly targets: readonly string[] };

interface EndDialogProps {
  readonly ending: Ending;
  readonly onClose: () => void;
  readonly onEnded: () => void;
}

export function EndDialog({ ending, onClose, onEnded }: EndDialogProps) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const one = "session" in ending;
  const person = one ? ending.session.person : ending.person;
  const where = one ? ending.session.target : listed([...new Set(ending.targets)]);
  const end = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      announcement.value = await send(ending, reason.trim());
      onEnded();
    } catch (thrown) {
      setError(asApiError(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={one ? "End this session" : `End ${counted(ending.targets.length, "session")}`}
      onClose={onClose}
      tone="deny"
    >
      <form onSubmit={end}>
        <p class="dialog-lead">
          <strong>
            <Marked text={person} />
          </strong>{" "}
          is disconnected from{" "}
          <strong>
            <Marked text={where} />
          </strong>{" "}
          at once. Open transactions are rolled back, and what waits for approval is withdrawn.
        </p>
        <label class="field">
          <span class="field-name">
            Reason <span class="field-note">required, {person} sees it</span>
          </span>
          <textarea
            rows={2}
            maxLength={2000}
            required
            autoFocus
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) end(event);
            }}
          />
        </label>
        {error ? <Failure error={error} /> : null}
        <div class="dialog-actions">
          <button type="button" class="button ghost" onClick={onClose}>Cancel</button>
          <button type="submit" class="button deny" disabled={busy || reason.trim() === ""}>
            {one ? "End session" : "End all of them"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** What was done, for those who do not see it. */
async function send(ending: Ending, reason: string): Promise<string> {
  if ("session" in ending) {
    await post<Done>(`/api/sessions/${encodeURIComponent(ending.session.id)}/end`, { reason });
    return `The session of ${ending.session.person} was ended`;
  }
  const { ended } = await post<Ended>("/api/live/end", { person: ending.person, reason });
  return `${counted(ended, "session")} of ${ending.person} ended`;
}
