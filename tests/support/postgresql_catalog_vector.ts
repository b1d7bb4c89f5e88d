/**
 * Writes tests/vectors/postgresql_catalog.jsonl: what Postern reads of a PostgreSQL 15 with the lab's fixture, so
 * that unit tests judge statements without a server. Run it when the fixture or the catalog's shape changes:
 * `deno run -A tests/support/postgresql_catalog_vector.ts`
 */
import { startLab } from "./postgresql_lab.ts";

if (import.meta.main) {
  const lab = await startLab();
  const catalog = JSON.parse(lab.catalog.json) as Record<string, unknown>;
  await Deno.writeTextFile(
    new URL("../vectors/postgresql_catalog.jsonl", import.meta.url),
    JSON.stringify({ ...catalog, readAt: 0 }) + "\n",
  );
  await lab.close();
}
