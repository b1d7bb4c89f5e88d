/** One focused confirm for each step of a request for access. */
import { useState } from "preact/hooks";
import type { GrantAnswer, GrantView } from "../../contract.ts";
import { Failure } from "../parts/basics.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Marked } from "../parts/marked.tsx";
import { type ApiError, asApiError, post } from "../state/api.ts";

export type GrantStep = "grant" | "refuse" | "withdraw" | "end" | "review";

interface StepLook {
  readonly title: string;
  readonly button: string;
  readonly lead: string;
  readonly words: "none" | "optional" | "required";
  readonly deny: boolean;
  readonly path: string;
  readonly body: (words: string) => unknown;
}

const looks: Readonly<Record<GrantStep, StepLook>> = {
  grant: {
    title: "Grant this access",
    button: "Grant",
    lead: "gets in from now on, until the time is over or somebody ends it.",
    words: "optional",
    deny: false,
    path: "decision",
    body: (reason) => ({ approve: true, reason }),
  },
  refuse: {
    title: "Refuse this access",
    button: "Refuse",
    lead: "does not get in.",
    words: "required",
    deny: true,
    path: "decision",
    body: (reason) => ({ approve: false, reason }),
  },
  withdraw: {
    title: "Withdraw this request",
    button: "Withdraw",
    lead: "does not ask any more.",
    words: "none",
    deny: false,
    path: "withdraw",
    body: () => ({}),
  },
  end: {
    title: "End this access",
    button: "End it now",
    lead: "is disconnected at once. Open transactions are rolled back.",
    words: "required",
    deny: true,
    path: "end",
    body: (words) => ({ words }),
  },
  review: {
    title: "Review this break-glass",
    button: "Keep the review",
    lead: "opened this at once. Say what was done, and whether it was right.",
    words: "required",
    deny: false,
    path: "review",
    body: (words) => ({ words }),
  },
};

interface StepProps {
  readonly grant: GrantView;
  readonly step: GrantStep;
  readonly onClose: () => void;
  /** Called where it failed, too: then with null, so that the grant is asked for again. */
  readonly onTaken: (grant: GrantView | null) => void;
}

export function StepDialog({ grant, step, onClose, onTaken }: StepProps) {
  const [words, setWords] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const look = looks[step];
  const missing = look.words === "required" && words.trim() === "";

  const take = async (event: Event) => {
    event.preventDefault();
    if (busy || missing) return;
    setBusy(true);
    try {
      const path = `/api/access/${encodeURIComponent(grant.id)}/${look.path}`;
      onTaken((await post<GrantAnswer>(path, look.body(words.trim()))).grant);
    } catch (thrown) {
      setError(asApiError(thrown));
      setBusy(false);
      onTaken(null);
    }
  };

  return (
    <Dialog title={look.title} onClose={onClose} {...(look.deny ? { tone: "deny" as const } : {})}>
      <form onSubmit={take} noValidate>
        <p class="dialog-lead">
          <strong>
            <Marked text={grant.person} />
          </strong>{" "}
          {look.lead}
        </p>
        {look.words === "none" ? null : (
          <label class="field">
            <span class="field-name">
              {step === "review" ? "Review" : "Reason"}{" "}
              <span class="field-note">{look.words}, kept in the record</span>
            </span>
            <textarea
              rows={2}
              maxLength={2000}
              value={words}
              autoFocus
              required={look.words === "required"}
              onInput={(event) => setWords(event.currentTarget.value)}
            />
          </label>
        )}
        {error ? <Failure error={error} /> : null}
        <div class="dialog-actions">
          <button type="button" class="button ghost" onClick={onClose}>Cancel</button>
          <button
            type="submit"
            class={`button ${look.deny ? "deny" : "approve"}`}
            disabled={busy || missing}
          >
            {look.button}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
