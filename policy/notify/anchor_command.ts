/**
 * Anchoring by a program: `{ kind: command }` runs `postern-anchor NAME` for each signed head, with the head on standard
 * input. Like `postern-secret` it is a script of the operator's under a name that the binary's permissions can hold; it
 * puts the head where it cannot be changed: an object store with object lock, a ledger, a printer.
 */
import { spawn } from "node:child_process";
import { ChannelError } from "./channel.ts";

export const anchorProgram = "postern-anchor";

/** Resolves when it ended with 0; rejects with a ChannelError that has what it said last on standard error, and ends it past the time. */
export function anchorByCommand(
  name: string,
  line: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(anchorProgram, [name], { stdio: ["pipe", "ignore", "pipe"] });
  const timer = setTimeout(() => end(`took longer than ${timeoutMs / 1000} s`), timeoutMs);
  const stop = () => end("was stopped");
  let said = "";
  const end = (problem: string | null) => {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    child.kill("SIGKILL");
    if (problem === null) resolve();
    else reject(new ChannelError(`${anchorProgram} ${name} ${problem}`));
  };
  signal.addEventListener("abort", stop, { once: true });
  child.on(
    "error",
    (error: Error & { code?: string }) =>
      end(
        error.code === "ENOENT" ? "cannot be run: it is not on the PATH" : `cannot be run: ${error.message}`,
      ),
  );
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_MAX);
  });
  child.on("close", (code, killedBy) => {
    const last = said.trim().split("\n").at(-1) ?? "";
    end(code === 0 ? null : `ended with ${code ?? killedBy}${last === "" ? "" : `: ${last}`}`);
  });
  // One that does not read all of it says by its end whether that was right.
  child.stdin.on("error", () => {});
  child.stdin.end(`${line}\n`);
  return promise;
}

const SAID_MAX = 500;
