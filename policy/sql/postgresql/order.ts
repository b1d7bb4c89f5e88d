/**
 * Rows without an ORDER BY come in the order in which the target reads them, and where it reads an index that sorts
 * by a masked column, that order tells of the values. Such a query is fine where ORDER BY, or its conditions, leave
 * no two rows of that table alike, and where it gives no rows but counts and sums.
 */
import type { JoinExpr, Node, ReturningClause, SelectStmt } from "libpg-query";
import { as, endsInStar, strings } from "./ast.ts";
import { callsIn, conditionsOf, counts, equalitiesIn, joinsOf, ordered, visit } from "./order_nodes.ts";
import { orderingOf } from "./order_indexes.ts";
import { type Item, resolveMember, resolveName, type Scope } from "./scope.ts";
import type { Walk } from "./walk.ts";

/** Over a whole window these give the same in every order. */
const whole = /^(?:count|sum|avg|min|max)$/;

/** The walk for what a query reads from. */
export function within(select: SelectStmt, walk: Walk): Walk {
  if (!walk.masks.any) return walk;
  const sought = walk.sought === true || conditionsOf(select).length > 0;
  const unordered = isUnordered(select, walk);
  return sought === (walk.sought ?? false) && unordered === (walk.unordered ?? false)
    ? walk
    : { ...walk, sought, unordered };
}

/** Does the order of the rows that it reads show neither in what it gives nor in which rows it gives? */
function isUnordered(select: SelectStmt, walk: Walk): boolean {
  const calls = callsIn(select.targetList);
  if (counts(select, walk)) return false;
  const distinct = select.distinctClause?.every((node) => Object.keys(node).length === 0);
  if (select.limitCount !== undefined || select.limitOffset !== undefined || distinct === false) return false;
  if (calls.some(({ name, sorted, over }) => over !== undefined || (ordered.test(name) && !sorted))) {
    return false;
  }
  if (walk.unordered || distinct === true || select.groupClause !== undefined) return true;
  return calls.some(({ name }) => walk.catalog.aggregates.has(name));
}

/** The parts of an UPDATE, a DELETE or a MERGE that its rows are found by, and what it computes of them. */
export interface Change {
  readonly whereClause: Node | undefined;
  readonly fromClause: readonly Node[] | undefined;
  readonly computed: readonly (readonly Node[] | undefined)[];
  readonly returning: ReturningClause | undefined;
}

/** The order in which rows are changed shows in that of RETURNING, and in what counts them. */
export function judgeChangeOrder(change: Change, items: readonly Item[], walk: Walk, scope: Scope): void {
  const { whereClause, fromClause, computed, returning } = change;
  const targetList = [...(returning?.exprs ?? []), ...computed.flatMap((nodes) => nodes ?? [])];
  const select: SelectStmt = {
    targetList,
    ...(whereClause === undefined ? {} : { whereClause }),
    ...(fromClause === undefined ? {} : { fromClause: [...fromClause] }),
  };
  if (returning === undefined && !counts(select, walk)) return;
  judgeOrder(select, items, walk, scope, true);
}

/**
 * Objects where rows of one of the tables may come in a masked column's order, and that order shows. `whole`: all
 * of each row is read.
 */
export function judgeOrder(
  select: SelectStmt,
  items: readonly Item[],
  walk: Walk,
  scope: Scope,
  whole = false,
): void {
  if (!walk.masks.any) return;
  const risky = items.filter(({ relation }) =>
    relation !== null && orderingOf(relation, walk).masked.length > 0
  );
  if (risky.length === 0 || isUnordered(select, walk)) return;
  const level = new Level(select, items, walk, scope, whole);
  for (const item of risky) {
    if (!level.mayFollow(item) || (level.isSettled(item) && level.computesInOrder(item))) continue;
    const { relation } = item;
    walk.found.object(
      "masked-order",
      `rows of ${relation?.schema}.${relation?.name} may come in the order of an index on a masked column`,
      "Add ORDER BY with columns that tell all its rows apart, such as its primary key",
    );
  }
}

class Level {
  readonly #joins: readonly JoinExpr[];
  readonly #keys: readonly Node[];
  #used: ReadonlyMap<Item, ReadonlySet<string>> | null = null;
  #sought: ReadonlyMap<Item, ReadonlySet<string>> | null = null;

  constructor(
    private readonly select: SelectStmt,
    private readonly items: readonly Item[],
    private readonly walk: Walk,
    private readonly scope: Scope,
    private readonly whole: boolean,
  ) {
    this.#joins = joinsOf(select);
    this.#keys = (select.sortClause ?? []).flatMap((node) => this.#key(as(node, "SortBy")?.node));
  }

  /** Could the target read the item along an index with a masked column? */
  mayFollow(item: Item): boolean {
    const { masked, conditions } = orderingOf(item.relation!, this.walk);
    const used = this.whole
      ? new Set(item.columns.flatMap(({ name }) => name ?? []))
      : (this.#used ??= this.#named([this.select])).get(item) ?? new Set<string>();
    const shows = [...used].some((name) => {
      const mask = item.columns.find((column) => column.name === name)?.taint?.mask.kind;
      return mask !== "null" && mask !== "fixed";
    });
    if (!shows) return false;
    this.#sought ??= this.#named([...conditionsOf(this.select), this.#keys, this.#using()]);
    const sought = this.#sought.get(item) ?? new Set<string>();
    // A masked column cannot be sought: a condition on it is refused.
    const hidden = new Set(item.columns.flatMap(({ name, taint }) => taint === null ? [] : [name]));
    return masked.some((columns) => {
      if ([...used].every((name) => columns.includes(name))) return true;
      return columns.some((name) =>
        !hidden.has(name) &&
        (name === ""
          ? sought.size + conditions.size > 0
          : sought.has(name) || (this.walk.sought === true && used.has(name)) || conditions.has(name))
      );
    });
  }

  /** Does what it computes of many rows not depend on the order in which they are read? */
  computesInOrder(item: Item): boolean {
    // Conditions count rows before they are sorted.
    if (counts(conditionsOf(this.select), this.walk)) return false;
    return callsIn(this.select.targetList).every(({ name, sorted, over }) => {
      if (over === undefined) return sorted || !ordered.test(name);
      const { orderClause = [], name: named, refname } = over;
      if (named !== undefined || refname !== undefined) return false;
      if (orderClause.length === 0) return whole.test(name);
      return this.isSettled(item, orderClause.flatMap((node) => as(node, "SortBy")?.node ?? []));
    });
  }

  /** Do ORDER BY and the conditions leave no two of its rows alike? */
  isSettled(item: Item, keys = this.#keys): boolean {
    const known = new Map<Item, Set<string>>();
    const know = (node: Node | undefined): boolean => {
      let changed = false;
      for (const { item, name } of this.#columnsOf(node)) {
        const names = known.get(item) ?? new Set();
        known.set(item, names);
        if (!names.has(name)) changed = names.add(name) !== undefined;
      }
      return changed;
    };
    for (const key of keys) know(key);
    const equalities = this.#equalities();
    for (let changed = true; changed;) {
      changed = false;
      for (const { target, by } of equalities) {
        if ((by === null || this.#isKnown(by, known)) && know(target)) changed = true;
      }
    }
    return this.#isFixed(item, known);
  }

  #isFixed(item: Item, known: ReadonlyMap<Item, ReadonlySet<string>>): boolean {
    const names = known.get(item);
    return item.relation !== null && names !== undefined &&
      orderingOf(item.relation, this.walk).unique.some((key) => key.every((name) => names.has(name)));
  }

  #isKnown(node: Node, known: ReadonlyMap<Item, ReadonlySet<string>>): boolean {
    const columns = this.#columnsOf(node);
    return columns.length > 0 &&
      columns.every(({ item, name }) => known.get(item)?.has(name) === true || this.#isFixed(item, known));
  }

  /** `by` null for a constant. Of an outer join only the side that may be missing follows the other one. */
  #equalities(): { readonly target: Node; readonly by: Node | null }[] {
    const found: { target: Node; by: Node | null }[] = [];
    const outer = this.#joins.filter(({ jointype }) => jointype !== "JOIN_INNER");
    const inner = [
      this.select.whereClause,
      ...this.#joins.filter((one) => !outer.includes(one)).map((one) => one.quals),
    ];
    for (const { left, right } of inner.flatMap(equalitiesIn)) {
      if (as(left, "ColumnRef")) found.push({ target: left, by: as(right, "ColumnRef") ? right : null });
      if (as(right, "ColumnRef")) found.push({ target: right, by: as(left, "ColumnRef") ? left : null });
    }
    return found;
  }

  /** What a key of ORDER BY stands for: a position, an output column's name, or itself. */
  #key(node: Node | undefined): Node[] {
    const targets = (this.select.targetList ?? []).map((each) => as(each, "ResTarget"));
    const position = as(node, "A_Const")?.ival?.ival;
    if (position !== undefined) {
      const before = targets.slice(0, position);
      const counted = before.every((one) => !endsInStar(as(one?.val, "ColumnRef")?.fields));
      return counted ? before.slice(-1).flatMap((one) => one?.val ?? []) : [];
    }
    const names = strings(as(node, "ColumnRef")?.fields);
    const named = names.length === 1 ? targets.find((one) => one?.name === names[0]) : undefined;
    return named?.val !== undefined ? [named.val] : node === undefined ? [] : [node];
  }

  /** Columns of USING and NATURAL, as names. */
  #using(): Node[] {
    return this.#joins.flatMap((one) =>
      (one.usingClause ?? []).map((name): Node => ({ ColumnRef: { fields: [name] } }))
    );
  }

  /** Columns of the items that are named anywhere in there; a merged column of a join counts for all that have it. */
  #named(nodes: readonly unknown[]): ReadonlyMap<Item, ReadonlySet<string>> {
    const named = new Map<Item, Set<string>>(this.items.map((item) => [item, new Set()]));
    const merged = new Set<string>();
    visit(nodes, (node) => {
      const fields = as(node, "ColumnRef")?.fields;
      if (fields === undefined) return;
      for (const { item, name } of this.#columnsOf(node)) {
        if (item.relation === null) merged.add(name);
        else named.get(item)?.add(name);
      }
      const [qualifier] = strings(fields);
      const star = endsInStar(fields);
      if (!star && fields.length > 1) return;
      for (const item of this.items) {
        const whole = qualifier === item.name || (star && qualifier === undefined);
        if (whole) { for (const { name } of item.columns) if (name !== null) named.get(item)!.add(name); }
      }
    });
    if (merged.size === 0) return named;
    for (const [item, names] of named) {
      for (const { name } of item.columns) if (name !== null && merged.has(name)) names.add(name);
    }
    return named;
  }

  #columnsOf(node: Node | undefined): { readonly item: Item; readonly name: string }[] {
    const fields = as(node, "ColumnRef")?.fields;
    if (fields === undefined || endsInStar(fields)) return [];
    const names = strings(fields);
    const name = names.at(-1) ?? "";
    const found = names.length === 1
      ? resolveName(this.scope, name)
      : resolveMember(this.scope, names.at(-3) ?? null, names.at(-2) ?? "", name);
    if (found.kind !== "column") return [];
    return found.hits.filter(({ item }) => this.items.includes(item)).map(({ item }) => ({ item, name }));
  }
}
