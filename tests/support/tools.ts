/** Python's and Java's drivers as Debian packages them, run as programs of their own. */
import { existsSync } from "node:fs";
import { embeddedPostgresql } from "./embedded_postgresql.ts";
import { type Output, run } from "./daemons.ts";
import { type Need, program, required } from "./programs.ts";

/** Debian's own: another Python in PATH does not see Debian's modules. */
const python = "/usr/bin/python3";
const jars = "/usr/share/java";
const scripts = new URL("./scripts/", import.meta.url).pathname;

const found = new Map<string, string | null>();

/** A module of Debian's Python; `debian` is its package. */
export function pythonModule(module: string, debian = `python3-${module}`): Need {
  return {
    missing: () => {
      let reason = found.get(module);
      if (reason === undefined) {
        const there = existsSync(python) &&
          new Deno.Command(python, { args: ["-c", `import ${module}`], stderr: "null" }).outputSync().success;
        found.set(module, reason = there ? null : `${debian} is not installed`);
      }
      return reason;
    },
  };
}

/** A JDBC driver below /usr/share/java, and a JDK that compiles the script. */
export function javaDriver(jar: string, debian: string): Need {
  return {
    missing: () => {
      if (program("javac") === null) return "a JDK is not installed";
      return existsSync(`${jars}/${jar}`) ? null : `${debian} is not installed`;
    },
  };
}

export const pgJdbc = javaDriver("postgresql.jar", "libpostgresql-jdbc-java");
export const mariadbJdbc = javaDriver("mariadb-java-client.jar", "libmariadb-java");

/** Runs tests/support/scripts/NAME.py with what it should see of the arguments and the environment. */
export function runPython(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Output> {
  return run([python, `${scripts}${name}.py`, ...args], {
    env: { PYTHONDONTWRITEBYTECODE: "1", ...env },
    timeoutMs: 120_000,
  });
}

/** Runs tests/support/scripts/NAME.java, compiled on the way, with one driver. */
export function runJava(
  name: string,
  jar: string,
  args: readonly string[],
  stdin = "",
): Promise<Output> {
  const command = [required("java"), "-XX:TieredStopAtLevel=1", "-cp", `${jars}/${jar}`];
  return run([...command, `${scripts}${name}.java`, ...args], { stdin, timeoutMs: 180_000 });
}

/** Makes Debian's psql and Python load the libpq of PostgreSQL 18. Ask `postgresql18Here` first. */
export async function libpq18(): Promise<Record<string, string>> {
  const binaries = await embeddedPostgresql();
  if (binaries === null) throw new Error("PostgreSQL 18 is not here; ask with testNeeding first");
  return binaries.env;
}
