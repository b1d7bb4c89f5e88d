/** Ends a running session, with a reason that its person sees. */
import { useState } from "preact/hooks";
import type { Done, SessionRow } from "../../contract.ts";
import { Failure } from "../parts/basics.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Marked } from "../parts/marked.tsx";
import { type ApiError, asApiError, post } from "../state/api.ts";

interface EndDialogProps {
  readonly session: SessionRow;
  readonly onClose: () => void;
  readonly onEnded: () => void;
}

export function EndDialog({ session, onClose, onEnded }: EndDialogProps) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const end = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await post<Done>(`/api/sessions/${encodeURIComponent(session.id)}/end`, { reason: reason.trim() });
      onEnded();
    } catch (thrown) {
      setError(asApiError(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog title="End this session" onClose={onClose} tone="deny">
      <form onSubmit={end}>
        <p class="dialog-lead">
          <strong>
            <Marked text={session.person} />
          </strong>{" "}
          is disconnected from <strong>{session.target}</strong> at once. An open transaction is rolled back.
        </p>
        <label class="field">
          <span class="field-name">
            Reason <span class="field-note">required, {session.person} sees it</span>
          </span>
          <textarea
            rows={2}
            maxLength={2000}
            required
            autoFocus
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        {error ? <Failure error={error} /> : null}
        <div class="dialog-actions">
          <button type="button" class="button ghost" onClick={onClose}>Cancel</button>
          <button type="submit" class="button deny" disabled={busy || reason.trim() === ""}>
            End session
          </button>
        </div>
      </form>
    </Dialog>
  );
}
