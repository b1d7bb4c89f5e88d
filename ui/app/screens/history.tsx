/** What was decided, expired or withdrawn, newest first. */
import { useEffect } from "preact/hooks";
import type { History, RequestCard } from "../../contract.ts";
import { Badge, Empty, FocusHeading, Time } from "../parts/basics.tsx";
import { tableList, verbList } from "../parts/format.ts";
import { LoadedPages } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { Preview } from "../parts/statement.tsx";
import { requestLooks } from "../parts/states.ts";
import { get } from "../state/api.ts";
import { usePages } from "../state/pages.ts";
import { onChange } from "../state/stream.ts";

export function HistoryScreen() {
  const pages = usePages<RequestCard>("history", {
    load: async (cursor) => {
      const { requests, next } = await get<History>(
        `/api/history${cursor === null ? "" : `?before=${cursor}`}`,
      );
      return { items: requests, next };
    },
    idOf: (request) => request.id,
  });
  useEffect(() =>
    onChange((change) => {
      if (change === null || change.type === "approval.decided" || change.type === "approval.withdrawn") {
        pages.refresh();
      }
    }), [pages]);
  return (
    <section class="page">
      <FocusHeading subject="history">Decided</FocusHeading>
      <LoadedPages
        pages={pages}
        further="Show older ones"
        empty={
          <Empty title="Nothing was decided yet">
            Approved, denied, expired and withdrawn requests are kept here.
          </Empty>
        }
      >
        {(items) => (
          <ul class="ledger">
            {items.map((request) => (
              <li key={request.id}>
                <Entry request={request} />
              </li>
            ))}
          </ul>
        )}
      </LoadedPages>
    </section>
  );
}

function Entry({ request }: { request: RequestCard }) {
  const { tone, icon, word } = requestLooks[request.state];
  const last = request.reviews.at(-1);
  return (
    <a class="entry" href={`/requests/${request.id}`}>
      <span class="entry-state">
        <Badge tone={tone} icon={icon}>{word}</Badge>
      </span>
      <span class="entry-main">
        <span class="entry-sentence">
          <strong>
            <Marked text={request.person} />
          </strong>: {verbList(request.verbs)}
          <Marked text={request.tables.length > 0 ? ` on ${tableList(request.tables)}` : ""} /> in{" "}
          <strong>
            <Marked text={request.target} />
          </strong>
        </span>
        <Preview text={request.preview.slice(0, 160)} whole={request.textLength} />
        <span class="entry-foot">
          <Marked text={last?.reason ? `${last.by}: “${last.reason}”` : request.outcome} />
        </span>
      </span>
      <span class="entry-time">
        <Time at={request.requestedAt} />
      </span>
    </a>
  );
}
