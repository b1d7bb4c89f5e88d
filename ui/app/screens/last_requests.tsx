/** What the requester asked for before, and what became of it. */
import type { RequestCard, Requests } from "../../contract.ts";
import { Badge, Time } from "../parts/basics.tsx";
import { verbList } from "../parts/format.ts";
import { Marked } from "../parts/marked.tsx";
import { requestLooks } from "../parts/states.ts";
import { Preview } from "../parts/statement.tsx";
import { get } from "../state/api.ts";
import { useResource } from "../state/resource.ts";

export function LastRequests({ request }: { request: { readonly id: string; readonly person: string } }) {
  const it = useResource<Requests>(
    `others of ${request.id}`,
    () => get<Requests>(`/api/requests/${encodeURIComponent(request.id)}/others`),
  );
  const others = it.data.value?.requests ?? [];
  // It is said beside the decision, and must not stand in its way: nothing is shown while it loads or fails.
  if (others.length === 0) return null;
  return (
    <section class="last-requests" aria-label="Earlier requests">
      <h2 class="minor">
        Asked for by <Marked text={request.person} /> before
      </h2>
      <ul class="last-list">{others.map((one) => <Row key={one.id} one={one} />)}</ul>
    </section>
  );
}

function Row({ one }: { one: RequestCard }) {
  const { tone, icon, word } = requestLooks[one.state];
  return (
    <li class="last-row">
      <Badge tone={tone} icon={icon}>{word}</Badge>
      <a href={`/requests/${one.id}`}>
        <span class="visually-hidden">{verbList(one.verbs)}:</span>
        <Preview text={one.preview.slice(0, 120)} whole={one.textLength} />
      </a>
      <span class="cell-note">
        <Time at={one.requestedAt} />
      </span>
    </li>
  );
}
