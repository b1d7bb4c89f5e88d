/**
 * Makes a Debian package of the compiled binary with Debian's own dpkg-deb: the binary, the service unit, a man
 * page, the licence. It starts nothing and asks nothing: the config comes first.
 *
 *   deno task compile && deno run -A packaging/deb.ts     dist/postern_VERSION_ARCH.deb
 */
import { gzipSync } from "node:zlib";

const root = new URL("../", import.meta.url).pathname;
const { version } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
const architectures: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

async function output(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd: root }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The list of commands as a page for man(7), without its markup for anything but sections. */
function manPage(help: string): string {
  const escaped = help.replaceAll("\\", "\\e").replace(/^([.'])/gm, "\\&$1").replaceAll("-", "\\-");
  return `.TH POSTERN 1 "" "Postern ${version}" "User Commands"
.SH NAME
postern \\- a guarded gate in front of production databases
.SH SYNOPSIS
.B postern
.I COMMAND
.RI [ OPTION \\&...]
.SH COMMANDS
.nf
${escaped.trimEnd()}
.fi
.SH FILES
.I /etc/postern/postern.yaml
.br
.I /var/lib/postern
`;
}

const control = (arch: string, kilobytes: number) =>
  `Package: postern
Version: ${version}
Architecture: ${arch}
Maintainer: The Postern authors <postern@localhost>
Installed-Size: ${kilobytes}
Depends: libc6, ca-certificates
Suggests: postgresql-client, mariadb-client
Section: net
Priority: optional
Description: guarded gate in front of production databases
 Sits on the wire between database clients and PostgreSQL, MySQL or MariaDB: knows who it is from the
 company's identity provider, lets statements pass, masks columns, holds statements for approval or
 refuses them, and keeps evidence of all of it.
`;

const arch = architectures[Deno.build.arch];
if (arch === undefined) throw new Error(`no Debian name for ${Deno.build.arch}`);
const tree = await Deno.makeTempDir({ prefix: "postern-deb-" });
try {
  const put = async (path: string, data: string | Uint8Array, mode = 0o644): Promise<void> => {
    const full = `${tree}/${path}`;
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    if (typeof data === "string") await Deno.writeTextFile(full, data, { mode });
    else await Deno.writeFile(full, data, { mode });
    await Deno.chmod(full, mode);
  };
  const binary = await Deno.readFile(`${root}dist/postern`);
  const help = await output(`${root}dist/postern`, "help");
  await put("usr/bin/postern", binary, 0o755);
  await put(
    "usr/lib/systemd/system/postern.service",
    await Deno.readTextFile(`${root}packaging/postern.service`),
  );
  await put(
    "usr/lib/systemd/system/postern.socket",
    await Deno.readTextFile(`${root}packaging/postern.socket`),
  );
  await put("usr/share/man/man1/postern.1.gz", gzipSync(manPage(help), { level: 9 }));
  await put("usr/share/doc/postern/copyright", await Deno.readTextFile(`${root}LICENSE`));
  await put("usr/share/doc/postern/grafana.json", await Deno.readTextFile(`${root}packaging/grafana.json`));
  await Deno.mkdir(`${tree}/etc/postern`, { recursive: true, mode: 0o755 });
  await put("DEBIAN/control", control(arch, Math.ceil(binary.length / 1024)));
  await Deno.chmod(tree, 0o755);
  const file = `dist/postern_${version}_${arch}.deb`;
  await output("dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, file);
  console.log(await output("dpkg-deb", "--info", file));
} finally {
  await Deno.remove(tree, { recursive: true });
}
