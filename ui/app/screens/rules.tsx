/** The policy as it stands, in words and in order; and what it would say to a statement, and why. */
import type { PolicyAnswer, RuleView } from "../../contract.ts";
import { Badge, FocusHeading } from "../parts/basics.tsx";
import { counted, listed } from "../parts/format.ts";
import { Loaded } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { thenLooks } from "../parts/states.ts";
import { get } from "../state/api.ts";
import { useResource } from "../state/resource.ts";
import { foundHash } from "./detections.tsx";
import { TryOut } from "./try_out.tsx";

export function RulesScreen() {
  const it = useResource<PolicyAnswer>("policy", () => get<PolicyAnswer>("/api/policy"));
  return (
    <section class="page wide">
      <FocusHeading subject="rules">Rules</FocusHeading>
      <Loaded it={it} lines={6}>
        {(policy) => (
          <>
            <TryOut policy={policy} />
            <h2 class="section">
              {policy.all ? "The policy as it stands" : "The rules that are for you"}
            </h2>
            <p class="section-note">
              Each table that a statement touches is judged by the first rule that fits; the statement gets
              the strictest of these verdicts. What no rule fits is refused.{" "}
              {counted(policy.rules.length, "rule")}, policy <code>{policy.digest.slice(0, 12)}</code>.
            </p>
            <ol class="rules">
              {policy.rules.map((rule, at) => (
                <li key={rule.name} class="rule" id={`rule-${rule.name}`}>
                  <Rule rule={rule} at={at + 1} all={policy.all} />
                </li>
              ))}
            </ol>
            <Masks policy={policy} />
            {policy.all
              ? (
                <p class="section-note">
                  What no mask names may still stand in texts: see{" "}
                  <a href={`/overview${foundHash}`}>what detectors found</a>.
                </p>
              )
              : null}
          </>
        )}
      </Loaded>
    </section>
  );
}

function Rule({ rule, at, all }: { rule: RuleView; at: number; all: boolean }) {
  const { tone, icon, word } = thenLooks[rule.verdict];
  return (
    <>
      <span class="rule-place" aria-hidden="true">{at}</span>
      <div class="rule-main">
        <p class="rule-sentence">
          <strong>
            <Marked text={rule.who} />
          </strong>, <Marked text={rule.where} />: <Marked text={rule.what} />{" "}
          <strong>
            <Marked text={rule.then} />
          </strong>
        </p>
        <p class="rule-foot">
          <code>{rule.name}</code>
          {rule.when === null ? null : <span>only {rule.when}</span>}
          {rule.condition === null ? null : (
            <span>
              if <code>{rule.condition}</code>
            </span>
          )}
          {all && rule.mine ? <span>is for you, too</span> : null}
        </p>
      </div>
      <Badge tone={tone} icon={icon}>{word}</Badge>
    </>
  );
}

function Masks({ policy }: { policy: PolicyAnswer }) {
  if (policy.masks.length === 0) return null;
  return (
    <>
      <h2 class="section">Masked columns</h2>
      <ul class="rules">
        {policy.masks.map((mask, at) => (
          <li key={at} class="rule">
            <span class="rule-place" aria-hidden="true">{at + 1}</span>
            <div class="rule-main">
              <p class="rule-sentence">
                <code>
                  <Marked text={mask.columns.join(", ")} />
                </code>{" "}
                is shown as <strong>{mask.shownAs}</strong>
              </p>
              <p class="rule-foot">
                <span>{mask.targets === null ? "on every target" : `on ${listed(mask.targets)}`}</span>
                <span>
                  {mask.except.length === 0
                    ? "for everybody"
                    : `for everybody but members of ${listed(mask.except)}`}
                </span>
              </p>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}
