/** A program in a terminal that shows a device code and waits: its person signs in elsewhere. */
import type { Output } from "./daemons.ts";
import { approveDevice } from "./device_flow.ts";

/**
 * Runs `command`; once it has shown an address and a code, `person` approves it there. The output is the whole of
 * it. Rejects where it ends without having asked.
 */
export async function runWithDevice(
  command: readonly string[],
  person: string,
  env: Readonly<Record<string, string>> = {},
  ca?: string,
): Promise<Output> {
  const [name = "", ...args] = command;
  const child = new Deno.Command(name, { args, env, stdin: "null", stdout: "piped", stderr: "piped" })
    .spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), 90_000);
  const stdout = new Response(child.stdout).text();
  let stderr = "";
  let asked = false;
  try {
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += chunk;
      const [, page, code] = /(https?:\/\/\S+)\s+and enter the code:?\s+(\S+)/.exec(stderr) ?? [];
      if (asked || page === undefined || code === undefined || !stderr.endsWith("\n")) continue;
      asked = true;
      await approveDevice(page, person, code, ca);
    }
    const { code } = await child.status;
    if (!asked) throw new Error(`no code was shown, but: ${stderr}${await stdout}`);
    return { code, stdout: await stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}
