/** Which capabilities are offered to a client, asked of a target, and negotiated between the two. */
import { PosternError } from "../../policy/errors.ts";
import { Capability as C, Extended } from "./constants.ts";

/**
 * What Postern can serve faithfully whatever the target: all of it is in MySQL 5.7 and MariaDB 10.2 and later.
 * Bit 0 says "not MariaDB's extended capabilities": with it set nobody reads the extended field. It is set unless
 * a MariaDB target is known to have those that pass. Query
 * attributes are taken from clients whatever the target, and taken out where it has none: see attributes.ts.
 * Left out on purpose: LOCAL_FILES (a target could ask the client for any file),
 * OPTIONAL_RESULTSET_METADATA (masks need the metadata), MULTI_FACTOR.
 */
const offeredAlways = C.longPassword | C.foundRows | C.longFlag | C.connectWithDb | C.noSchema | C.odbc |
  C.ignoreSpace | C.protocol41 | C.interactive | C.ignoreSigpipe | C.transactions | C.reserved |
  C.secureConnection | C.multiStatements | C.multiResults | C.psMultiResults | C.pluginAuth |
  C.connectAttributes | C.pluginAuthLenenc | C.canHandleExpiredPasswords | C.sessionTrack | C.deprecateEof |
  C.queryAttributes;

/** What changes the shape or meaning of what comes back, and so must be the same on both sides. */
const relayed = C.foundRows | C.longFlag | C.noSchema | C.odbc | C.ignoreSpace | C.interactive |
  C.transactions | C.multiStatements | C.multiResults | C.psMultiResults | C.deprecateEof;

/** What Postern itself needs of a target: to know of changes of sql_mode, schema and character sets. */
const needed = C.protocol41 | C.secureConnection | C.pluginAuth | C.sessionTrack;

const names: readonly (readonly [number, string])[] = [
  [C.protocol41, "PROTOCOL_41"],
  [C.secureConnection, "SECURE_CONNECTION"],
  [C.pluginAuth, "PLUGIN_AUTH"],
  [C.sessionTrack, "SESSION_TRACK"],
  [C.deprecateEof, "DEPRECATE_EOF"],
  [C.multiStatements, "MULTI_STATEMENTS"],
  [C.multiResults, "MULTI_RESULTS"],
  [C.psMultiResults, "PS_MULTI_RESULTS"],
  [C.ssl, "SSL"],
];

/** Of each side alone: what the one asks for says nothing of the other. */
export const compressions = C.compress | C.zstd;

export type Compression = "zlib" | "zstd";

/** What was agreed on; where both are, zlib is meant. */
export function compressionOf(capabilities: number): Compression | null {
  if (has(capabilities, C.compress)) return "zlib";
  return has(capabilities, C.zstd) ? "zstd" : null;
}

/** The one to ask a target for: zstd takes less time. 0 where it has none. */
export function compressionOffered(target: number): number {
  return has(target, C.zstd) ? C.zstd : target & C.compress;
}

/**
 * MariaDB's capabilities that pass. Left out: extended metadata, and metadata that is left away where the client has
 * it already (masks need it); results of the single rows of a bulk execution.
 */
export const extendedPassed = Extended.progress | Extended.bulk;

/** The capabilities beside which `extended` ones are read, or not. */
export function beside(extended: number, capabilities: number): number {
  return (extended === 0 ? capabilities | C.longPassword : capabilities & ~C.longPassword) >>> 0;
}

export function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

/** What the greeting offers. */
export function offered(withTls: boolean): number {
  return offeredAlways | compressions | (withTls ? C.ssl : 0);
}

/**
 * What to ask of the target so that its results fit the client byte for byte.
 * Throws TargetUnavailable where the target lacks one of them.
 */
export function towardsTarget(target: number, client: number): number {
  const wanted = client & relayed | needed;
  const missing = wanted & ~target & ~C.ignoreSpace & ~C.odbc & ~C.noSchema & ~C.interactive;
  if (missing !== 0) {
    const list = names.filter(([flag]) => has(missing, flag)).map(([, name]) => name).join(", ");
    throw new PosternError(
      "TargetUnavailable",
      `the target's version is too old for this connection: it lacks ${
        list || `flags 0x${missing.toString(16)}`
      }`,
      { hint: "Targets must be MySQL 5.7 or MariaDB 10.2, or later" },
    );
  }
  return (wanted & target) | C.longPassword |
    (C.pluginAuthLenenc | C.connectAttributes | client & C.queryAttributes) & target;
}
