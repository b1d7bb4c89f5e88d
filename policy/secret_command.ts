/**
 * Secrets from a program: `{ command: NAME }` runs `postern-secret NAME`, and what it prints is the secret. It is
 * the one program that a gateway may start, so that the binary's permissions can name it: a script of the
 * operator's, which asks a vault, a cloud's store, or a hardware module.
 */
import { spawnSync } from "node:child_process";

export const secretProgram = "postern-secret";

/** A config is read in one go, on start and on reload: nothing else goes on meanwhile. */
const TIMEOUT_MS = 5_000;
const SECRET_BYTES_MAX = 64 * 1024;

/** The secret, or a sentence about why there is none; what the program says on standard error is in it. */
export function secretFromCommand(name: string): { text: string } | { problem: string } {
  const { error, status, stdout, stderr } = spawnSync(secretProgram, [name], {
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    maxBuffer: SECRET_BYTES_MAX,
  });
  const code = (error as { code?: string } | undefined)?.code ?? "";
  if (code === "ENOENT") return { problem: `the program ${secretProgram} is not on the PATH` };
  if (code === "ETIMEDOUT" || /TIMEDOUT/.test(error?.message ?? "")) {
    return { problem: `${secretProgram} ${name} took longer than ${TIMEOUT_MS / 1000} s` };
  }
  if (error !== undefined) return { problem: `${secretProgram} ${name} cannot be run: ${error.message}` };
  if (status !== 0) {
    const said = (stderr ?? "").trim().split("\n").at(-1)?.slice(0, 200) ?? "";
    return { problem: `${secretProgram} ${name} ended with ${status}${said === "" ? "" : `: ${said}`}` };
  }
  const text = (stdout ?? "").replace(/\r?\n$/, "");
  return text === "" ? { problem: `${secretProgram} ${name} printed nothing` } : { text };
}
