import assert from "node:assert/strict";
import { createCatalogs } from "../../../policy/catalogs.ts";
import type { Catalog, Dialect } from "../../../policy/sql/dialect.ts";
import type { Target } from "../../../policy/types.ts";

const target = { name: "orders", host: "h", port: 1, protocol: "postgresql" } as Target;

/** A target whose definitions are a number: what reads it sees the number of then. */
function scripted(marks: boolean) {
  const world = { definitions: 1, reads: 0, down: false };
  const answer = <T>(value: T) => world.down ? Promise.reject(new Error("down")) : Promise.resolve(value);
  const dialect = {
    readCatalog: () => {
      world.reads++;
      return answer({ json: String(world.definitions), readAt: 0 } as Catalog);
    },
    ...(marks ? { catalogMark: () => answer(`mark ${world.definitions}`) } : {}),
  } as unknown as Dialect;
  const catalogs = createCatalogs({
    dialectOf: () => dialect,
    queryOf: () => () => Promise.resolve([]),
    clock: () => 0,
    log: () => {},
  });
  return { world, catalogs, seen: () => catalogs.current(target, "app")?.json };
}

Deno.test("a catalog is read again for a text only where something has changed since it was read", async () => {
  const { world, catalogs, seen } = scripted(true);
  await catalogs.load(target, "app");
  await catalogs.renew(target, "app");
  await catalogs.renew(target, "app");
  assert.equal(world.reads, 1);
  world.definitions = 2;
  assert.equal(seen(), "1");
  await catalogs.renew(target, "app");
  assert.deepEqual([seen(), world.reads], ["2", 2]);
  await catalogs.renew(target, "app");
  assert.equal(world.reads, 2);
});

Deno.test("where nobody can tell whether something has changed, it is read; where it cannot be, that is said", async () => {
  const { world, catalogs, seen } = scripted(false);
  await catalogs.load(target, "app");
  world.definitions = 2;
  await catalogs.renew(target, "app");
  assert.deepEqual([seen(), world.reads], ["2", 2]);
  for (const other of [scripted(true), scripted(false)]) {
    await other.catalogs.load(target, "app");
    other.world.down = true;
    await assert.rejects(other.catalogs.renew(target, "app"), /down/);
  }
});
