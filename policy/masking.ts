/** What a masked value looks like, and whose masks count. Pure. */
import { createHash } from "node:crypto";
import { anyGlob } from "./glob.ts";
import { columnMatcher } from "./rules.ts";
import type { MaskLookup } from "./sql/dialect.ts";
import type { PortableMasks } from "./sql/large_texts.ts";
import type { MaskKind } from "./types.ts";

export { keyedHash, maskKey, maskText } from "./mask_text.ts";

/** One mask of the config. Of several that fit a column, the first one counts. */
export interface MaskSetting {
  /** Globs `schema.table.column`, in any case: a masked column must not be missed by a letter's case. */
  readonly columns?: readonly string[];
  /** Globs of tags, which comments of columns in the catalog have: `postern:pii`. */
  readonly tags?: readonly string[];
  readonly mask: MaskKind;
  /** Globs of targets; all where left out. */
  readonly targets?: readonly string[];
  /** Who sees the values as they are. */
  readonly except?: { readonly groups: readonly string[] };
}

/** The masks that count for somebody. `key` is the same for all who have the same masks, and for nobody else. */
export interface MaskSet {
  readonly key: string;
  readonly lookup: MaskLookup;
  /** The same as plain data: compileMasks(settings)([], "", unmask) gives it again. */
  readonly portable: PortableMasks;
}

/** `masksFor(groups, target, unmask)`: `unmask` are globs `schema.table.column` that a grant shows as they are. */
export type MaskSets = (groups: readonly string[], target: string, unmask?: readonly string[]) => MaskSet;

export function compileMasks(settings: readonly MaskSetting[]): MaskSets {
  const compiled = settings.map((setting) => ({
    setting,
    digest: createHash("sha256").update(JSON.stringify([setting.columns, setting.tags, setting.mask])).digest(
      "hex",
    ),
    mask: setting.mask,
    columns: columnMatcher(setting.columns ?? [], { ignoreCase: true }),
    tagged: anyGlob((setting.tags ?? []).map((tag) => tag.toLowerCase())),
    target: setting.targets === undefined ? () => true : anyGlob(setting.targets),
    exempt: anyGlob(setting.except?.groups ?? []),
  }));
  const sets = new Map<string, MaskSet>();
  return (groups, target, unmask = []) => {
    const effective = compiled.filter((one) => one.target(target) && !groups.some(one.exempt));
    const digests = effective.map(({ digest }) => digest).join();
    const key = createHash("sha256").update(JSON.stringify([digests, unmask])).digest("hex").slice(0, 32);
    let set = sets.get(key);
    if (set === undefined) {
      const lookup = lookupOf(effective);
      const plain = effective.map(({ setting: { targets: _targets, except: _except, ...rest } }) => rest);
      sets.set(
        key,
        set = {
          key,
          lookup: unmask.length === 0 ? lookup : withoutMasks(lookup, unmask),
          portable: { settings: plain, unmask: [...unmask] },
        },
      );
    }
    return set;
  };
}

/** Names exactly as the catalog spells them, as for every rule that allows. */
function withoutMasks(lookup: MaskLookup, unmask: readonly string[]): MaskLookup {
  const shown = columnMatcher(unmask, { ignoreCase: false });
  return (schema, table, column, tags) =>
    shown.named(schema, table, column) ? null : lookup(schema, table, column, tags);
}

/** One person's masks on one target. */
export function maskLookup(
  settings: readonly MaskSetting[],
  groups: readonly string[],
  target = "",
): MaskSet {
  return compileMasks(settings)(groups, target);
}

interface CompiledMask {
  readonly mask: MaskKind;
  readonly columns: ReturnType<typeof columnMatcher>;
  readonly tagged: (tag: string) => boolean;
}

function lookupOf(masks: readonly CompiledMask[]): MaskLookup {
  return (schema, table, column, tags = []) => {
    for (const { mask, columns, tagged } of masks) {
      if (columns.named(schema, table, column) || tags.some(tagged)) return mask;
    }
    return null;
  };
}
