/** Ways that a command or a connection ends with an error of Postern's. */
import type { PosternError } from "../../policy/errors.ts";
import { ErrorCode } from "./constants.ts";

export type As = (typeof ErrorCode)[keyof typeof ErrorCode];

/** A command is refused; the connection goes on. Any other error ends the connection. */
export class Refused extends Error {
  constructor(readonly reason: PosternError, readonly as?: As) {
    super(reason.message);
  }
}

/** A packet beyond one of these is not read: the connection ends. */
const ofPackets: ReadonlySet<string> = new Set(["listen.limits.statement", "listen.limits.startupMessage"]);

/** Where an error of Postern's means something more exact in the protocol. */
export function asFor(error: PosternError): As | undefined {
  if (error.rule === "listen.tls.required") return ErrorCode.secureTransport;
  if (error.rule === "limits.sessionsPerPerson") return ErrorCode.personLimit;
  if (error.rule !== undefined && ofPackets.has(error.rule)) return ErrorCode.packetTooLarge;
  if (error.rule === "targets") return ErrorCode.unknownDatabase;
  if (error.message.startsWith("packets out of order")) return ErrorCode.packetsOutOfOrder;
  return undefined;
}
