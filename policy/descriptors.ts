/**
 * File descriptors: a few are kept free. Whoever comes beyond that is refused, because at the last one the runtime
 * ends the process (a Worker cannot be started) or its listeners (they accept nobody any more). How many are left is
 * found by opening and closing that many: the compiled binary may not read /proc, and this counts the machine's own
 * limit, too. A burst within one turn of the event loop may be accepted before anybody can be cut; what ends then is
 * opened anew (proxy/pulse.ts, ui/api/enduring_server.ts).
 */
import type { PosternError } from "./errors.ts";
import { limitReached } from "./limits.ts";

/** What a Worker, the record's files, and the words to a refused client take. */
export const descriptorsNeeded = 16;

/**
 * An answer is good for so long, that there are enough of them for so many askers, who take three each at most. To
 * find out that there are not takes all that are left, for a moment in which nobody else gets one: so it is rare.
 */
const trustedMs = 100;
const askersTrusted = 8;

let kept = 64;
let answer = { enough: true, askers: 0, until: 0 };

/** From now on; of the config's `limits.descriptors`. */
export function keepDescriptors(count: number): void {
  kept = count;
  answer = { enough: true, askers: 0, until: 0 };
}

/** Whether so many can be opened now. On Windows there is no such limit, and always true. */
export function descriptorsLeft(count: number): boolean {
  if (Deno.build.os === "windows") return true;
  const opened: Deno.FsFile[] = [];
  try {
    while (opened.length < count) opened.push(Deno.openSync("/dev/null"));
    return true;
  } catch (error) {
    // Too many open files: of this process, or of the whole machine. Anything else tells nothing.
    const { code } = error as { readonly code?: string };
    return code !== "EMFILE" && code !== "ENFILE";
  } finally {
    for (const file of opened) file.close();
  }
}

/** Why nothing new may be opened now; null where it may. */
export function shortOfDescriptors(): PosternError | null {
  const now = performance.now();
  if (now >= answer.until || answer.askers === 0) {
    const enough = descriptorsLeft(kept);
    answer = { enough, askers: enough ? askersTrusted : Infinity, until: now + trustedMs };
  }
  answer.askers--;
  if (answer.enough) return null;
  return limitReached(
    "limits.descriptors",
    `Postern is short of file descriptors and lets nobody in (limits.descriptors: ${kept} are kept free)`,
    "Try again later, then tell whoever runs Postern: ulimit -n, or LimitNOFILE= of its service",
  );
}
