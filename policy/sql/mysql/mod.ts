/** MySQL and MariaDB. */
import type { TargetQuery } from "../../ports.ts";
import type { Target } from "../../types.ts";
import type { Analyst, Catalog, Dialect, MaskLookup } from "../dialect.ts";
import { MysqlAnalyst } from "./analyst.ts";
import { type CatalogData, CatalogModel } from "./catalog_data.ts";
import { split, startState } from "./split.ts";
import { estimateOf } from "./estimate.ts";
import { impactOf } from "./impact.ts";
import { probeAnswer, probeRole, probeText } from "./probe.ts";
import { parseCatalogData, readCatalogData } from "./catalog_read.ts";
import { mysqlColours } from "./colours.ts";

/** Analysts that one catalog keeps: one per set of masks. */
const analystsMax = 50;

class MysqlCatalog implements Catalog {
  readonly readAt: number;
  readonly #model: CatalogModel;
  readonly #analysts = new Map<string, Analyst>();

  constructor(private readonly data: CatalogData) {
    this.readAt = data.readAt;
    this.#model = new CatalogModel(data);
  }

  get json(): string {
    return JSON.stringify(this.data);
  }

  analyst(key: string, masks: MaskLookup): Analyst {
    let analyst = this.#analysts.get(key);
    if (analyst === undefined) {
      if (this.#analysts.size >= analystsMax) this.#analysts.clear();
      this.#analysts.set(key, analyst = new MysqlAnalyst(this.#model, masks));
    }
    return analyst;
  }

  probeRole(masks: MaskLookup, role: string): string {
    return probeRole(this.#model, new MysqlAnalyst(this.#model, masks), role);
  }
}

export const mysqlDialect: Dialect = {
  id: "mysql",
  ready: () => Promise.resolve(),
  colours: mysqlColours,
  readCatalog: async (target: Target, database: string, query: TargetQuery) =>
    new MysqlCatalog(await readCatalogData(target, database, query)),
  probe: (text, _parameters, facts, state) => probeText(text, facts, state),
  probeAnswer,
  impact: impactOf,
  estimate: estimateOf,
  startState,
  split,
  catalogFromJson: (json: string) => new MysqlCatalog(parseCatalogData(json)),
};
