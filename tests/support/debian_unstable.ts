/** Programs that Debian has only in its unstable suite, unpacked into a folder of their own, with an apt state of their own. */
import { existsSync } from "node:fs";
import { removeFolder, run, runWell } from "./daemons.ts";

const timeoutMs = 600_000;

/** Where this machine takes Debian's packages from; the archive of security updates has no unstable suite. */
async function ownMirror(): Promise<string> {
  const format = "$(REPO_URI)";
  const listed = await runWell(["apt-get", "indextargets", "--format", format, "Created-By: Packages"]);
  const mirror = listed.split("\n").find((uri) => uri !== "" && !/security/.test(uri));
  if (mirror === undefined) throw new Error("apt knows of no mirror: run `apt-get update` first");
  return mirror;
}

/**
 * Unpacks `packages` with all they need, and `alone` without, into `root`, so that their programs run there by
 * chroot. Needs root, and Debian's mirror.
 */
export async function unpackUnstable(
  root: string,
  packages: readonly string[],
  alone: readonly string[] = [],
): Promise<void> {
  if (Deno.uid() !== 0) throw new Error("this needs root: the programs are started by chroot");
  const apt = `${root}/apt`;
  for (const folder of ["lists/partial", "cache/archives/partial"]) {
    await Deno.mkdir(`${apt}/${folder}`, { recursive: true });
  }
  await Deno.writeTextFile(`${apt}/status`, "");
  await Deno.writeTextFile(`${apt}/sources.list`, `deb ${await ownMirror()} unstable main\n`);
  const options = [
    `Dir::State=${apt}`,
    `Dir::State::lists=${apt}/lists`,
    `Dir::State::status=${apt}/status`,
    `Dir::Cache=${apt}/cache`,
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    "APT::Install-Recommends=false",
    "APT::Sandbox::User=root",
    "Acquire::Languages=none",
    "Debug::NoLocking=true",
  ].flatMap((option) => ["-o", option]);
  await runWell(["apt-get", ...options, "update"], { timeoutMs });
  await runWell(["apt-get", ...options, "-y", "--download-only", "install", ...packages], { timeoutMs });
  if (alone.length > 0) {
    const script = 'cd "$0" && exec apt-get "$@"';
    await runWell(["sh", "-c", script, `${apt}/cache/archives`, ...options, "download", ...alone], {
      timeoutMs,
    });
  }
  for (const { name } of Deno.readDirSync(`${apt}/cache/archives`)) {
    if (name.endsWith(".deb")) await runWell(["dpkg-deb", "-x", `${apt}/cache/archives/${name}`, root]);
  }
  // What base-files and udev would bring.
  for (const link of ["bin", "sbin", "lib", "lib64"]) {
    if (!existsSync(`${root}/${link}`)) await runWell(["ln", "-sfn", `usr/${link}`, `${root}/${link}`]);
  }
  await runWell(["mkdir", "-p", `${root}/dev`, `${root}/tmp`]);
  await runWell(["chmod", "1777", `${root}/tmp`]);
  for (const [device, minor] of [["null", "3"], ["urandom", "9"], ["random", "8"]] as const) {
    await run(["mknod", "-m", "666", `${root}/dev/${device}`, "c", "1", minor]);
  }
  await removeFolder(apt);
}
