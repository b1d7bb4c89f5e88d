/** Finds the programs that tests run beside Postern, and skips by name and reason where one is missing. */
import { existsSync, readdirSync } from "node:fs";

const debianFolders = (): string[] => {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return [...versions.map((version) => `${root}/${version}/bin`), "/usr/sbin", "/sbin"];
};

/**
 * The full path of a program: from PATH, else from where Debian hides it, newest version first; else null.
 * POSTERN_TEST_WITHOUT names programs to be taken as missing, to see what a machine without them would skip.
 */
export function program(name: string): string | null {
  if (Deno.env.get("POSTERN_TEST_WITHOUT")?.split(/[\s,]+/).includes(name)) return null;
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), ...debianFolders()];
  for (const folder of folders) {
    if (folder !== "" && existsSync(`${folder}/${name}`)) return `${folder}/${name}`;
  }
  return null;
}

/** What a test asks for: the name of a program, or anything else with its own way to look. */
export type Need = string | { readonly missing: () => string | null };

/** Why these cannot be used here, for people; null where all are there. */
export function missing(needs: readonly Need[]): string | null {
  const reasons = needs.flatMap((need) => {
    if (typeof need !== "string") return need.missing() ?? [];
    return program(need) === null ? `${need} is not installed` : [];
  });
  return reasons.length === 0 ? null : reasons.join(", ");
}

type Body = (t: Deno.TestContext) => void | Promise<void>;

/** `Deno.test`, skipped with the reason in its name where something it needs is not on this machine. */
export function testNeeding(needs: readonly Need[], name: string, body: Body): void {
  const reason = missing(needs);
  if (reason === null) return Deno.test(name, body);
  Deno.test({ name: `${name} [skipped: ${reason}]`, ignore: true, fn: body });
}

/** For use inside a test: true, with an ignored step that says why, where something is missing. */
export async function skipWithout(t: Deno.TestContext, needs: readonly Need[]): Promise<boolean> {
  const reason = missing(needs);
  if (reason === null) return false;
  await t.step({ name: `the rest [skipped: ${reason}]`, ignore: true, fn: () => {} });
  return true;
}

/** A program that is known to be there, because the test needed it. */
export function required(name: string): string {
  const path = program(name);
  if (path === null) throw new Error(`${name} is not installed; say so with testNeeding(["${name}"], …)`);
  return path;
}
