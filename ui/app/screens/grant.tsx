/** One request for access, or what came of it: who wants what where for how long and why; and every step of it. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { GrantAnswer, GrantView } from "../../contract.ts";
import { Failure, FocusHeading, Loading, Time } from "../parts/basics.tsx";
import { duration } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { accessDesk } from "../state/access.ts";
import { get } from "../state/api.ts";
import { now, setTime } from "../state/clock.ts";
import { announcement } from "../state/requests.ts";
import { useResource } from "../state/resource.ts";
import { onChange } from "../state/stream.ts";
import { GrantBadges, GrantTime, scopeText } from "./access_parts.tsx";
import { type GrantStep, StepDialog } from "./grant_step.tsx";

export function GrantScreen({ id }: { id: string }) {
  const it = useResource<GrantView>(id, async () => {
    const answer = await get<GrantAnswer>(`/api/access/${encodeURIComponent(id)}`);
    setTime(answer.now);
    return answer.grant;
  });
  useEffect(() =>
    onChange((change) => {
      if (change === null || change.request === id) it.reload();
    }), [it]);
  const grant = it.data.value;
  const error = it.error.value;
  return (
    <section class="page" aria-label="Access">
      {grant === null
        ? (
          <>
            <h1 class="visually-hidden">Access</h1>
            {error ? <Failure error={error} retry={it.reload} /> : <Loading lines={5} />}
          </>
        )
        : <View grant={grant} onChanged={(changed) => changed ? it.set(changed) : it.reload()} />}
    </section>
  );
}

function View({ grant, onChanged }: { grant: GrantView; onChanged: (grant: GrantView | null) => void }) {
  const [step, setStep] = useState<GrantStep | null>(null);
  const taken = (changed: GrantView | null) => {
    onChanged(changed);
    accessDesk.reload();
    if (changed === null) return;
    setStep(null);
    announcement.value = `Access to ${changed.target}: ${changed.outcome || changed.state}`;
  };
  return (
    <div class="request">
      <header class="request-head">
        <div class="request-where">
          <span class={`environment ${/prod/i.test(grant.environment) ? "production" : ""}`}>
            {grant.environment || "no environment"}
          </span>
          <span class="request-target">
            <Marked text={grant.target} />
          </span>
          <GrantTime grant={grant} />
        </div>
        <FocusHeading subject={grant.id}>
          <span class="who">
            <Marked text={grant.mine ? "You" : grant.person} />
          </span>{" "}
          {grant.breakGlass
            ? "broke the glass of "
            : grant.mine
            ? "ask for access to "
            : "asks for access to "}
          <span class="where">
            <Marked text={grant.target} />
          </span>{" "}
          for <span class="what">{duration(grant.durationMs)}</span>
        </FocusHeading>
        <p class="quoted">
          “<Marked text={grant.reason} />”
        </p>
        <p class="grant-badges">
          <GrantBadges grant={grant} />
        </p>
      </header>
      <Facts grant={grant} />
      <Steps grant={grant} onStep={setStep} />
      {step ? <StepDialog grant={grant} step={step} onClose={() => setStep(null)} onTaken={taken} /> : null}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Facts({ grant }: { grant: GrantView }) {
  const { startsAt, endsAt, reviews, examined, outcome } = grant;
  return (
    <dl class="facts">
      <Fact name="Good for">
        <Marked text={scopeText(grant)} />
      </Fact>
      <Fact name="By rule">
        <Marked text={grant.rule} />
      </Fact>
      <Fact name="Groups of who asks">
        <Marked text={grant.groups.join(", ") || "none"} />
      </Fact>
      <Fact name="Asked">
        <Time at={grant.requestedAt} /> from <Marked text={grant.address || "an unknown address"} />
      </Fact>
      {startsAt !== null && endsAt !== null
        ? (
          <Fact name="Open">
            <Time at={startsAt} /> to <Time at={endsAt} />
          </Fact>
        )
        : null}
      {startsAt !== null && endsAt === null
        ? (
          <Fact name="Wanted from">
            <Time at={startsAt} />
          </Fact>
        )
        : null}
      {reviews.length > 0
        ? (
          <Fact name="Decided">
            {reviews.map(({ by, approve, reason, at }) => (
              <span key={by} class="grant-review">
                <Marked text={by} /> {approve ? "agreed" : "refused"}, <Time at={at} />
                {reason === "" ? null : (
                  <span class="quoted">
                    “<Marked text={reason} />”
                  </span>
                )}
              </span>
            ))}
          </Fact>
        )
        : null}
      {outcome === "" ? null : (
        <Fact name="Outcome">
          <Marked text={outcome} />
        </Fact>
      )}
      {examined === null ? null : (
        <Fact name="Reviewed afterwards">
          <Marked text={examined.by} />, <Time at={examined.at} />
          <span class="quoted">
            “<Marked text={examined.words} />”
          </span>
        </Fact>
      )}
    </dl>
  );
}

function Steps({ grant, onStep }: { grant: GrantView; onStep: (step: GrantStep) => void }) {
  const { may, refusal, state, deadlineAt } = grant;
  const pending = state === "requested" && deadlineAt > now.value;
  const mayDecide = pending && refusal === null;
  if (!mayDecide && !may.withdraw && !may.end && !may.review) {
    return pending ? <p class="decision-bar">{icons.lock}{refusal}.</p> : null;
  }
  return (
    <div class="decision-bar">
      {mayDecide
        ? (
          <>
            <button type="button" class="button approve" onClick={() => onStep("grant")}>
              {icons.allow}Grant
            </button>
            <button type="button" class="button deny" onClick={() => onStep("refuse")}>
              {icons.deny}Refuse
            </button>
          </>
        )
        : null}
      {may.withdraw
        ? <button type="button" class="button" onClick={() => onStep("withdraw")}>Withdraw</button>
        : null}
      {may.end
        ? (
          <button type="button" class="button deny" onClick={() => onStep("end")}>
            {icons.stop}End it now
          </button>
        )
        : null}
      {may.review
        ? <button type="button" class="button" onClick={() => onStep("review")}>Write the review</button>
        : null}
    </div>
  );
}
