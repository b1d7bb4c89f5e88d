/** One set of masks over one catalog: judges texts, remembers answers. */
import type { MaskRule, SqlState } from "../../types.ts";
import type { Analyst, MaskLookup, NotUnderstood, Understood } from "../dialect.ts";
import { type CatalogIndex, firstUserOid, parsePath, type Relation } from "./catalog.ts";
import { DefinitionCache } from "./definitions.ts";
import { Findings } from "./findings.ts";
import { freeLiterals } from "./free_literals.ts";
import { MaskMap } from "./masks.ts";
import { parse } from "./parser.ts";
import { type Cut, cut, hidesLiterals, ShapedAnswers } from "../shapes.ts";
import { TextCache } from "../text_cache.ts";
import { understand } from "./statements.ts";
import { maskRuleOf } from "./taint.ts";
import { templateOf } from "./template.ts";
import { checkText } from "./text_limits.ts";
import { TooComplex, type World } from "./walk.ts";

type Answer = readonly Understood[] | NotUnderstood;

/** Longer texts are rarely asked twice, and would fill the cache. */
const cachedLengthMax = 16_384;

/** What the catalog does not know may be masked: shown as NULL until it is read again. */
const unknownColumn: MaskRule = { column: "unknown", mask: { kind: "null" } };

export class PostgresqlAnalyst implements Analyst {
  private readonly world: World;
  private readonly answers = new TextCache<Answer>({ entriesMax: 2_048, lengthMax: 4_194_304 });
  private readonly shaped = new ShapedAnswers<Answer>();

  constructor(private readonly catalog: CatalogIndex, lookup: MaskLookup) {
    const masks = new MaskMap(catalog, lookup);
    this.world = { catalog, masks, definitions: new DefinitionCache(catalog, masks) };
  }

  analyse(text: string, state: SqlState): Answer {
    const objection = stateObjection(state);
    if (objection !== null) return objection;
    const searchPath = state["search_path"];
    const key = `${searchPath ?? ""}\n${text}`;
    const known = this.answers.get(key);
    if (known !== undefined) return known;
    const parts = cut(text);
    const shaped = parts === null ? undefined : this.shaped.get(searchPath ?? "", parts);
    if (shaped !== undefined) return shaped;
    const answer = this.fresh(text, searchPath, parts);
    if (text.length <= cachedLengthMax) this.answers.set(key, answer);
    return answer;
  }

  template(text: string): string | null {
    return templateOf(text);
  }

  /** `origin` is `<table OID>.<column number>`, as RowDescription has them. */
  maskOf(origin: string): MaskRule | null {
    const [oid = 0, number = 0] = origin.split(".").map(Number);
    if (!this.world.masks.any || oid < firstUserOid) return null;
    const relation = this.catalog.relationByOid(oid);
    // Negative numbers are system columns.
    if (number < 0) return null;
    const index = relation?.columns.findIndex((column) => column.number === number) ?? -1;
    if (relation === undefined || index < 0) return unknownColumn;
    return maskRuleOf(this.columnsOf(relation)[index]?.taint ?? null);
  }

  nameOf(origin: string): string | null {
    const [oid = 0, number = 0] = origin.split(".").map(Number);
    const relation = this.catalog.relationByOid(oid);
    const column = relation?.columns.find((each) => each.number === number);
    return relation === undefined || column === undefined
      ? null
      : `${relation.schema}.${relation.name}.${column.name}`;
  }

  private columnsOf(relation: Relation) {
    return this.world.definitions.relation(relation, new Findings()).columns;
  }

  private fresh(text: string, searchPath: string | undefined, parts: Cut | null): Answer {
    const objection = checkText(text);
    if (objection !== null) return objection;
    const parsed = parse(text);
    if ("error" in parsed) return notParsed(parsed.error, parsed.position, parsed.broken);
    const path = searchPath === undefined
      ? this.catalog.searchPath
      : parsePath(searchPath, this.catalog.data.meta.user);
    try {
      const answer = parsed.statements.map(({ stmt }) =>
        understand(stmt ?? { List: {} }, this.world, path, text)
      );
      if (parts !== null) {
        const free = hidesLiterals(answer) ? null : freeLiterals(parsed.statements, text);
        this.shaped.keep(searchPath ?? "", parts, free, answer);
      }
      return answer;
    } catch (error) {
      if (error instanceof TooComplex) {
        return refusal(
          "too-complex",
          `Postern cannot judge it: ${error.message}`,
          "Split it, or write it more simply",
        );
      }
      // Total by contract; and a mistake of this code must not let anything pass.
      return refusal(
        "not-analysed",
        `Postern failed to analyse the statement (${error instanceof Error ? error.name : "error"})`,
        "Write it more simply; tell whoever runs Postern",
      );
    }
  }
}

function refusal(code: string, reason: string, hint: string): NotUnderstood {
  return { refused: { code, reason, hint } };
}

function notParsed(error: string, position: number, broken: boolean): NotUnderstood {
  if (broken) {
    return refusal(
      "parser-failed",
      `The statement is too much for the parser: ${error}`,
      "Write it flatter or shorter",
    );
  }
  const where = position > 0 ? ` at character ${position}` : "";
  return refusal(
    "syntax",
    `PostgreSQL's parser does not accept the statement: ${error.slice(0, 200)}${where}`,
    "Correct the statement; what does not parse is not passed on",
  );
}

/** The text would mean something else than the parser reads. */
function stateObjection(state: SqlState): NotUnderstood | null {
  const strings = state["standard_conforming_strings"];
  if (strings !== undefined && strings !== "on") {
    return refusal(
      "setting:standard_conforming_strings",
      "The session has standard_conforming_strings off, and reads strings differently than Postern",
      "SET standard_conforming_strings = on, or connect without that option",
    );
  }
  const encoding = state["client_encoding"];
  if (encoding !== undefined && !/^(utf-?8|unicode)$/i.test(encoding)) {
    return refusal(
      "setting:client_encoding",
      `The session's client_encoding is ${encoding}; Postern reads statements as UTF-8`,
      "Connect with client_encoding UTF8",
    );
  }
  return null;
}
