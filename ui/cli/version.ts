/** `postern version`: which Postern this is, and what it was built from. */
import { join } from "node:path";
import { z } from "zod";
import { type Command, say } from "./run.ts";

/** Written by packaging/compile.ts into the binary; a checkout has none. */
const buildSchema = z.strictObject({
  version: z.string(),
  commit: z.string(),
  committed: z.string(),
  /** Whether the tree had changes that no commit has. */
  changed: z.boolean(),
});

function buildText(): string {
  try {
    const path = join(import.meta.dirname!, "..", "dist", "build.json");
    const { commit, committed, changed } = buildSchema.parse(JSON.parse(Deno.readTextFileSync(path)));
    return `commit ${commit}${changed ? " with changes" : ""}, ${committed}`;
  } catch {
    return "run from a checkout";
  }
}

export function versionCommand(version: string): Command {
  const { deno, v8 } = Deno.version;
  const { os, arch } = Deno.build;
  return {
    usage: "",
    about: "which Postern this is, and what it was built from",
    options: {},
    operands: [0, 0],
    run: () => say(`postern ${version}\n${buildText()}\nDeno ${deno}, V8 ${v8}, ${os} ${arch}`),
  };
}
