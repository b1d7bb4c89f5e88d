/** What detectors found in texts that no rule names: where, how much, and the mask that would end it. */
import { useEffect, useRef } from "preact/hooks";
import type { Detections } from "../../contract.ts";
import { Badge, CopyButton, Time } from "../parts/basics.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { get } from "../state/api.ts";
import { useResource } from "../state/resource.ts";

/** Of links that lead to this part of the overview. */
export const foundHash = "#found";

type Detection = Detections["detections"][number];

export function DetectionsPart() {
  const it = useResource<Detections>("detections", () => get<Detections>("/api/detections"));
  const found = it.data.value?.detections;
  const section = useRef<HTMLElement>(null);
  const asked = location.hash === foundHash;
  useEffect(() => {
    if (asked && found !== undefined) section.current?.scrollIntoView();
  }, [asked, found === undefined]);
  return (
    <section aria-label="Found in texts" ref={section}>
      <h2 class="section">Found in texts</h2>
      <Loaded it={it} lines={2}>
        {({ detections }) =>
          detections.length === 0
            ? (
              <p class="none">
                Nothing was found since the start. Detectors are switched on target by target.
              </p>
            )
            : (
              <ul class="unusual">
                {detections.map((one) => (
                  <li key={`${one.target} ${one.database} ${one.column} ${one.kind}`}>
                    <Found one={one} />
                  </li>
                ))}
              </ul>
            )}
      </Loaded>
    </section>
  );
}

function Found({ one }: { one: Detection }) {
  // Whoever is shown a sample writes the rules.
  const mask = one.sample === null ? null : maskFor(one.column);
  return (
    <>
      <Badge tone={one.masked ? "allow" : "hold"}>{one.masked ? "Hidden" : "Shown"}</Badge>
      <span>
        <Marked text={one.text} /> on <Marked text={one.target} />
        {one.sample === null ? null : (
          <>
            , as in{" "}
            <code class="value">
              <Marked text={one.sample} />
            </code>
          </>
        )}, last at <Time at={one.lastAt} />{" "}
        {mask === null ? null : <CopyButton text={mask} label="Copy a mask for it" />}
      </span>
    </>
  );
}

/** For the config's `masks:`; null for what is no column of a table. */
function maskFor(column: string): string | null {
  if (!/^[^\s".]+\.[^\s".]+\.[^\s".]+$/.test(column)) return null;
  return `  - columns: ["${column}"]\n    mask: { kind: fixed, text: "(withheld)" }\n`;
}
