/** Why an answer of the target's does not go on to the client. */
import { PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";

/** The target cannot be followed any more, so nothing of what it says may pass. */
export function violation(problem: string): PosternError {
  return new PosternError("TargetUnavailable", `the target broke the protocol: ${problem}`, {
    hint: "Connect again; if it happens again, tell whoever runs Postern",
  });
}

function outOfOrder(found: number, expected: number): PosternError {
  return violation(`packet number ${found} where ${expected} must come`);
}

export function rowTooLong(bytesMax: number): PosternError {
  return limitReached(
    "listen.limits.maskedRow",
    `a row with a masked column has more than ${bytesMax} bytes (listen.limits.maskedRow)`,
    "Select fewer columns of it, or leave the masked ones out",
  );
}

/** LOCAL INFILE was not offered. */
export function fileAsked(): PosternError {
  return new PosternError(
    "PolicyDenied",
    "the target asked for a file of the client's (LOAD DATA LOCAL INFILE)",
    { rule: "built-in: no local files", hint: "Insert the rows with INSERT statements instead" },
  );
}

/** The number that must follow, in the place of the one that came; throws where numbers are to be checked. */
export function renumbered(
  { renumbers }: { readonly renumbers?: boolean },
  found: number,
  expected: number,
): number {
  if (renumbers === true) return expected;
  throw outOfOrder(found, expected);
}
