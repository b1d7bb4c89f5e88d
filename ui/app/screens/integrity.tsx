/** Whether a session's record is whole: nothing is claimed before it was checked, and then what was, and when. */
import { useState } from "preact/hooks";
import type { Integrity } from "../../contract.ts";
import { Badge, Failure, Time } from "../parts/basics.tsx";
import { count, counted } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { type ApiError, asApiError, post } from "../state/api.ts";

export function IntegrityBadge({ session }: { session: string }) {
  const [found, setFound] = useState<Integrity | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const check = async () => {
    setBusy(true);
    setError(null);
    try {
      setFound(await post<Integrity>(`/api/sessions/${encodeURIComponent(session)}/verify`, {}));
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setBusy(false);
  };
  return (
    <div class="integrity" role="status">
      {found === null ? null : <Found found={found} />}
      <button type="button" class="button ghost small" disabled={busy} onClick={check}>
        {icons.seal}
        {busy ? "Checking the record…" : found === null ? "Check the record's integrity" : "Check again"}
      </button>
      {error ? <Failure error={error} retry={check} /> : null}
    </div>
  );
}

function Found({ found }: { found: Integrity }) {
  if (!found.ok) {
    return (
      <p class="integrity-words bad">
        <Badge tone="deny" icon="warn">Not whole</Badge> <Marked text={found.problem ?? ""} />
        {found.sequence === null ? "" : ` (event ${found.sequence})`}. Checked <Time at={found.at} />.
      </p>
    );
  }
  return (
    <p class="integrity-words">
      <Badge tone="allow" icon="seal">Whole</Badge> {counted(found.events, "event")}{" "}
      of this session checked against the chain, {count(found.between)}{" "}
      of others between them followed by digest, {counted(found.heads + 1, "signed head")} with key{" "}
      <code>{found.key}</code>. Checked <Time at={found.at} />
      ; what came later is not part of it.
    </p>
  );
}
