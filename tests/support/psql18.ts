/**
 * psql 18 with libpq's OAuth module, which Debian has only in its unstable suite. Like MySQL's client (mysql.ts) it
 * is unpacked into a folder, runs there by chroot, and is fetched only when asked for:
 *
 *     deno run -A tests/support/psql18.ts
 */
import { existsSync } from "node:fs";
import { cacheFolder, runWell } from "./daemons.ts";
import { unpackUnstable } from "./debian_unstable.ts";
import type { Need } from "./programs.ts";

const rootName = "psql18-root";
const nobody = 65534;

/** Where Debian's package keeps the program. */
const program = "/usr/lib/postgresql/18/bin/psql";

export const psql18Here: Need = {
  missing: () =>
    Deno.uid() === 0 && existsSync(`/tmp/postern-tests-0/${rootName}${program}`)
      ? null
      : "psql 18 is not prepared: deno run -A tests/support/psql18.ts, as root",
};

/** The command of psql 18; its arguments follow. `env` are settings for it alone. */
export async function psql18(env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const root = `${await cacheFolder()}/${rootName}`;
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return ["chroot", `--userspec=${nobody}:${nobody}`, root, "/usr/bin/env", ...settings, program];
}

async function prepare(): Promise<void> {
  const root = `${await cacheFolder()}/${rootName}`;
  if (existsSync(`${root}${program}`)) return console.log(`${root} is there already`);
  // Its client package wants perl for a wrapper that is not needed here.
  const libraries = [
    "libpq-oauth",
    "libreadline8t64",
    "libldap2",
    "coreutils",
    "zlib1g",
    "libzstd1",
    "liblz4-1",
  ];
  await unpackUnstable(root, libraries, ["postgresql-client-18"]);
  console.log(await runWell([...await psql18(), "--version"]));
}

if (import.meta.main) await prepare();
