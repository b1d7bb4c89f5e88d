/** Detectors at work: which texts of a session's results they read, what they count, what the client gets. */
import type { CountryCode } from "libphonenumber-js";
import { detect, type DetectorKind, type Hit, maskHits } from "./detect.ts";
import { maskCoarsely, maskCut } from "./detect_coarse.ts";
import { anyGlob } from "./glob.ts";
import { safeName } from "./reasons.ts";
import type { Watch, Watcher } from "./watch.ts";

/** A target's `detectors:`. */
export interface DetectorSetting {
  /** `audit` counts; `mask` also masks. */
  readonly mode: "audit" | "mask";
  /** All where left out. */
  readonly kinds?: readonly DetectorKind[];
  /** Where phone numbers without a `+` are dialled. */
  readonly country?: CountryCode;
  /** Whose results are left alone. */
  readonly except?: { readonly groups: readonly string[] };
}

/** How often something was found in a column. */
export interface Detection {
  /** `schema.table.column`; the name in the result for what is computed; a table where COPY sent it. */
  readonly column: string;
  readonly kind: DetectorKind;
  readonly count: number;
  /** The first of them, masked, without the text around it. Shown, and never recorded. */
  readonly sample: string;
}

/** UTF-16 units of a sample. */
const sampleLengthMax = 40;

/** UTF-16 units of a value that are searched with care, so that other clients need not wait. */
const carefulLengthMax = 16_384;
/** Of one statement; what is found in more is masked, and not counted. */
const columnsMax = 200;

/** Whether the results of somebody in these groups are read at all. */
export function watches(setting: DetectorSetting | undefined, groups: readonly string[]): boolean {
  return setting !== undefined && !groups.some(anyGlob(setting.except?.groups ?? []));
}

type Found = Pick<Detection, "count" | "sample">;

/** The detectors of one session. Memory is bounded by the columns of one statement. */
export class SessionWatcher implements Watcher {
  #counts = new Map<string, Map<DetectorKind, Found>>();

  /** `nameOf`: a column by its origin in the catalog, `schema.table.column`. */
  constructor(
    private readonly setting: DetectorSetting,
    private readonly nameOf: (origin: string) => string | null,
  ) {}

  get masks(): boolean {
    return this.setting.mode === "mask";
  }

  watch(origin: string | null, name: string): Watch {
    const column = (origin === null ? null : this.nameOf(origin)) ?? safeName(name);
    const see = (text: string) => this.#see(column, text);
    const seeCut = (text: string) => this.masks ? maskCut(see(text)) : see(text);
    return { kind: "watch", masks: this.masks, see, seeCut };
  }

  /** What was found since it was asked last. */
  take(): readonly Detection[] {
    if (this.#counts.size === 0) return [];
    const found = [...this.#counts].flatMap(([column, kinds]) =>
      [...kinds].map(([kind, found]) => ({ column, kind, ...found }))
    );
    this.#counts = new Map();
    return found;
  }

  #see(column: string, text: string): string {
    const { kinds, country, mode } = this.setting;
    const careful = text.length > carefulLengthMax ? text.slice(0, carefulLengthMax) : text;
    const all = detect(careful, country === undefined ? {} : { country });
    const hits = kinds === undefined ? all : all.filter(({ kind }) => kinds.includes(kind));
    for (const hit of hits) this.#count(column, hit, careful);
    if (mode === "audit") return text;
    // Across the border, and in what follows, anything that looks like one is taken for one.
    if (careful !== text) return maskCoarsely(text);
    return hits.length === 0 ? text : maskHits(text, hits);
  }

  #count(column: string, { kind, start, end }: Hit, text: string): void {
    let kinds = this.#counts.get(column);
    if (kinds === undefined) {
      if (this.#counts.size >= columnsMax) return;
      this.#counts.set(column, kinds = new Map());
    }
    const { count, sample } = kinds.get(kind) ?? { count: 0, sample: sampleOf(kind, text.slice(start, end)) };
    kinds.set(kind, { count: count + 1, sample });
  }
}

const sampleOf = (kind: DetectorKind, text: string): string =>
  maskHits(text, [{ kind, start: 0, end: text.length }]).slice(0, sampleLengthMax);

/** What the detectors found in a column of a target since Postern started. */
export interface DetectionTotal extends Detection {
  readonly target: string;
  readonly database: string;
  readonly masked: boolean;
  /** Epoch milliseconds. */
  readonly lastAt: number;
}

const totalsMax = 5_000;

/** For the dashboard: sums over all sessions, of so many columns at most; the record has every finding. */
export class DetectionTotals {
  readonly #totals = new Map<string, DetectionTotal>();

  add(
    place: { readonly target: string; readonly database: string; readonly masked: boolean },
    found: readonly Detection[],
    at: number,
  ): void {
    for (const one of found) {
      const key = JSON.stringify([place.target, place.database, one.column, one.kind]);
      const before = this.#totals.get(key);
      if (before === undefined && this.#totals.size >= totalsMax) continue;
      const count = one.count + (before?.count ?? 0);
      this.#totals.set(key, { ...place, ...one, sample: before?.sample ?? one.sample, count, lastAt: at });
    }
  }

  /** The most frequent first. */
  list(): readonly DetectionTotal[] {
    return [...this.#totals.values()].sort((one, other) => other.count - one.count);
  }
}
