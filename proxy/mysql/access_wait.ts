/** A signed-in client that has no access yet. */
import { PosternError } from "../../policy/errors.ts";
import type { Gatekeeper } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";
import type { Hello } from "./hello.ts";

/**
 * Nothing can be shown to a client that waits to be let in: the error carries the link, and the next connection
 * waits where the request is under way. Rejects with PolicyDenied, or with what `gone` rejects with.
 */
export async function accessGranted(
  { attempt }: Hello,
  identity: Identity,
  { gatekeeper, gone }: { readonly gatekeeper: Gatekeeper; readonly gone: Promise<never> },
): Promise<void> {
  const wait = gatekeeper.access?.(attempt, identity) ?? null;
  if (wait === null) return;
  try {
    const { asked, message } = wait.standing;
    if (asked) return await Promise.race([wait.outcome, gone]);
    throw new PosternError("PolicyDenied", `${message}: ask for it at ${wait.url}, then connect again`, {
      rule: `targets.${wait.target}.access`,
    });
  } finally {
    wait.abandon();
  }
}
