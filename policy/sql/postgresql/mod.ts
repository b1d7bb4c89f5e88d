import type { Dialect } from "../dialect.ts";

export const postgresqlDialect: Dialect = {
  id: "postgresql",
  ready: () => Promise.resolve(),
  readCatalog: () => Promise.reject(new Error("not built yet")),
  catalogFromJson: () => {
    throw new Error("not built yet");
  },
};
