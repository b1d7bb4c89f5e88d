/** Ways that a command or a connection ends with an error of Postern's. */
import type { PosternError } from "../../policy/errors.ts";
import type { ErrorCode } from "./constants.ts";

export type As = (typeof ErrorCode)[keyof typeof ErrorCode];

/** A command is refused; the connection goes on. Any other error ends the connection. */
export class Refused extends Error {
  constructor(readonly reason: PosternError, readonly as?: As) {
    super(reason.message);
  }
}
