import type { Dialect } from "../dialect.ts";

export const mysqlDialect: Dialect = {
  id: "mysql",
  ready: () => Promise.resolve(),
  readCatalog: () => Promise.reject(new Error("not built yet")),
  catalogFromJson: () => {
    throw new Error("not built yet");
  },
};
