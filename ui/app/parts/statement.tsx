/** A statement as it is: verbatim, coloured by the tokens that it was judged by, what deceives the eye flagged. */
import { useMemo, useState } from "preact/hooks";
import type { Colours } from "../../contract.ts";
import { spreadOut } from "./spread.ts";
import { CopyButton } from "./basics.tsx";
import { count, counted } from "./format.ts";
import { icons } from "./icons.tsx";
import { Marked } from "./marked.tsx";
import { countDeceptive } from "./tokens.ts";

/** Characters that are shown, and coloured, at once. The rest is one step away, plain. */
export const FOLD_LENGTH = 20_000;

/** Characters of the rest in one element, so that the browser lays out what is looked at. */
const CHUNK_LENGTH = 16_000;

/** `colours` are of the whole text, of which `text` is the beginning; plain where they are not known. */
function Coloured({ text, colours }: { text: string; colours: Colours }) {
  const tokens = useMemo(() => cutBy(text, colours), [text, colours]);
  return (
    <>
      {tokens.map(([kind, part], at) =>
        kind === "plain" ? <Marked key={at} text={part} /> : (
          <span key={at} class={`sql-${kind}`}>
            <Marked text={part} />
          </span>
        )
      )}
    </>
  );
}

function cutBy(text: string, colours: Colours): (readonly [string, string])[] {
  const tokens: (readonly [string, string])[] = [];
  let at = 0;
  for (const [kind, length] of colours ?? []) {
    if (at >= text.length) break;
    tokens.push([kind, text.slice(at, at + length)]);
    at += length;
  }
  if (at < text.length) tokens.push(["plain", text.slice(at)]);
  return tokens;
}

/** Where to fold: not inside a surrogate pair. */
function foldAt(text: string): number {
  if (text.length <= FOLD_LENGTH) return text.length;
  const code = text.charCodeAt(FOLD_LENGTH - 1);
  return code >= 0xd800 && code <= 0xdbff ? FOLD_LENGTH - 1 : FOLD_LENGTH;
}

function chunksOf(text: string): string[] {
  return text.match(new RegExp(`[\\s\\S]{1,${CHUNK_LENGTH}}`, "gu")) ?? [];
}

interface StatementProps {
  readonly text: string;
  readonly label: string;
  readonly colours?: Colours;
  /** Called when the whole text is on the page; at once for a short one. */
  readonly onWhole?: () => void;
}

export function Statement({ text, label, colours = null, onWhole }: StatementProps) {
  const [whole, setWhole] = useState(false);
  const [spread, setSpread] = useState(false);
  const fold = foldAt(text);
  const deceptive = useMemo(() => countDeceptive(text), [text]);
  const open = () => {
    setWhole(true);
    onWhole?.();
  };
  return (
    <figure class="statement">
      <figcaption class="statement-head">
        <span>{label}</span>
        <span class="statement-size">{counted(text.length, "character")}</span>
        {colours === null || text.length > SPREAD_LENGTH_MAX ? null : (
          <button
            type="button"
            class="button ghost small"
            aria-pressed={spread}
            onClick={() => setSpread(!spread)}
          >
            Spread out
          </button>
        )}
        <CopyButton text={text} label="Copy" />
      </figcaption>
      {deceptive > 0
        ? (
          <p class="statement-warning">
            {icons.warn}
            {counted(deceptive, "invisible or deceptive character")}, marked in the text by code point
          </p>
        )
        : null}
      <pre class="sql" tabIndex={0} aria-label={label}>
        <code>
          <Coloured text={text.slice(0, fold)} colours={colours} />
          {whole
            ? chunksOf(text.slice(fold)).map((chunk, at) => <span key={at} class="sql-chunk"><Marked text={chunk} /></span>)
            : null}
        </code>
      </pre>
      {spread && colours !== null ? <Spread text={text} colours={colours} /> : null}
      {!whole && fold < text.length
        ? (
          <div class="statement-fold">
            <span>{count(text.length - fold)} characters more are folded away.</span>
            <button type="button" class="button small" onClick={open}>
              Show all {count(text.length)} characters
            </button>
          </div>
        )
        : null}
    </figure>
  );
}

/** Longer ones are read as they came. */
const SPREAD_LENGTH_MAX = 20_000;

/** Clauses on lines of their own, below the verbatim text and never in its place: tokens are kept, spaces are not. */
function Spread({ text, colours }: { text: string; colours: NonNullable<Colours> }) {
  const lines = useMemo(() => spreadOut(cutBy(text, colours)), [text, colours]);
  return (
    <div class="statement-spread">
      <p class="cell-note">Spread out for reading. What runs is the text above, as it stands.</p>
      <pre class="sql" tabIndex={0} aria-label="The statement, spread out">
        <code>
          {lines.map((line, at) => <span key={at} class="spread-line">{line.map(([kind, part], place) => (
            <span key={place} class={kind === "plain" ? undefined : `sql-${kind}`}>
              <Marked text={part} />
            </span>
          ))}</span>)}
        </code>
      </pre>
    </div>
  );
}

/** The beginning of a statement on few lines, for lists. */
export function Preview({ text, whole }: { text: string; whole: number }) {
  return (
    <code class="preview">
      <Marked text={text.replace(/[ \t\r\n]+/g, " ").trim()} />
      {whole > text.length ? <span class="preview-more">… {counted(whole, "character")} in all</span> : null}
    </code>
  );
}

export const VALUE_LENGTH_MAX = 300;

/** A parameter's value: NULL apart from the text "NULL", long ones folded. */
export function Value({ text, onWhole }: { text: string | null; onWhole?: () => void }) {
  const [whole, setWhole] = useState(false);
  const open = () => {
    setWhole(true);
    onWhole?.();
  };
  if (text === null) return <span class="value-null">NULL</span>;
  if (text === "") return <span class="value-null">empty text</span>;
  if (whole || text.length <= VALUE_LENGTH_MAX) {
    return (
      <code class="value">
        <Marked text={text} />
      </code>
    );
  }
  return (
    <>
      <code class="value">
        <Marked text={text.slice(0, VALUE_LENGTH_MAX)} />…
      </code>
      <button type="button" class="button ghost small" onClick={open}>
        Show all {count(text.length)} characters
      </button>
    </>
  );
}
