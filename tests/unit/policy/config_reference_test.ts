/** The config's reference is complete, and says nothing of keys that there are not. */
import assert from "node:assert/strict";
import { configSchema } from "../../../main.ts";
import { configMeanings } from "../../../policy/config_meanings_table.ts";
import { configReference, undescribed } from "../../../policy/config_reference.ts";

Deno.test("every key of the config has its meaning, and no meaning is of a key that is gone", () => {
  assert.deepEqual(undescribed(configSchema), []);
  const keys = new Set(configReference(configSchema).match(/^\S+$/gm));
  assert.ok(keys.size > 150, `${keys.size} keys`);
  assert.deepEqual(Object.keys(configMeanings).filter((key) => !keys.has(key)), []);
});

Deno.test("defaults stand in the reference as people write them", () => {
  const reference = configReference(configSchema);
  assert.match(reference, /^listen\.limits\.maskedRow\n {4}size, 1KB to 1GB; default 16MB\n {4}one row/m);
  assert.match(reference, /^identity\.recheck\n {4}duration, 0s to 24h; default 10m\n/m);
});
