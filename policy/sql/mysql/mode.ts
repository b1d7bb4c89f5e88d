/** The session state that changes what a text means, read from SqlState once and checked. */
import type { SqlState } from "../../types.ts";
import { Refusal } from "./refusal.ts";

export type Flavour = "mysql" | "mariadb";

/** What the lexer and the parser need to know of the session. */
export interface Mode {
  readonly flavour: Flavour;
  /** 101106 for 10.11.6, 90704 for 9.7.4; 0 where the target's version is not known. */
  readonly version: number;
  readonly ansiQuotes: boolean;
  readonly noBackslashEscapes: boolean;
  readonly pipesAsConcat: boolean;
  readonly highNotPrecedence: boolean;
  /** The client's character set is UTF-8: bytes above 0x7F are letters of identifiers. */
  readonly utf8: boolean;
  /** Default schema; empty where none was chosen. */
  readonly schema: string;
  /** All of the above in one string: texts that agree in it mean the same. */
  readonly key: string;
}

/** Modes of sql_mode that change nothing in how a text is read, or that `Mode` carries. */
const knownModes = new Set([
  "ALLOW_INVALID_DATES",
  "ANSI",
  "ANSI_QUOTES",
  "EMPTY_STRING_IS_NULL",
  "ERROR_FOR_DIVISION_BY_ZERO",
  "HIGH_NOT_PRECEDENCE",
  "IGNORE_BAD_TABLE_OPTIONS",
  "IGNORE_SPACE",
  "NO_AUTO_CREATE_USER",
  "NO_AUTO_VALUE_ON_ZERO",
  "NO_BACKSLASH_ESCAPES",
  "NO_DIR_IN_CREATE",
  "NO_ENGINE_SUBSTITUTION",
  "NO_FIELD_OPTIONS",
  "NO_KEY_OPTIONS",
  "NO_TABLE_OPTIONS",
  "NO_UNSIGNED_SUBTRACTION",
  "NO_ZERO_DATE",
  "NO_ZERO_IN_DATE",
  "ONLY_FULL_GROUP_BY",
  "PAD_CHAR_TO_FULL_LENGTH",
  "PIPES_AS_CONCAT",
  "REAL_AS_FLOAT",
  "SIMULTANEOUS_ASSIGNMENT",
  "STRICT_ALL_TABLES",
  "STRICT_TRANS_TABLES",
  "TIME_ROUND_FRACTIONAL",
  "TIME_TRUNCATE_FRACTIONAL",
  "TRADITIONAL",
]);

const ansi = ["REAL_AS_FLOAT", "PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE"];

/** Character sets in which no byte of a character can be a quote or a backslash. */
const utf8Sets = new Set(["utf8", "utf8mb3", "utf8mb4"]);
const singleByteSets = new Set(["latin1", "ascii", "binary"]);

export function isSafeCharset(name: string): boolean {
  return utf8Sets.has(name) || singleByteSets.has(name);
}

/** The modes of a sql_mode value, in upper case. Throws Refusal for one that is not known. */
export function modesOf(value: string): string[] {
  const modes = value.split(",").map((mode) => mode.trim()).filter((mode) => mode !== "")
    // deno-lint-ignore no-control-regex -- ASCII only: other letters have surprising upper cases
    .map((mode) => /^[\x00-\x7f]*$/.test(mode) ? mode.toUpperCase() : mode);
  for (const mode of modes) {
    if (knownModes.has(mode)) continue;
    throw new Refusal(
      "setting:sql_mode",
      `The session's sql_mode has ${mode}, which Postern does not track`,
      "Set sql_mode without it",
    );
  }
  return modes.includes("ANSI") ? [...new Set([...modes, ...ansi])] : modes;
}

/** `5.5.5-10.11.6-MariaDB-log` -> 101106; 0 where it is not of that shape. */
export function versionNumber(version: string): number {
  const match = /^(?:5\.5\.5-)?(\d{1,2})\.(\d{1,2})\.(\d{1,2})/.exec(version);
  if (match === null) return 0;
  const [, major, minor, patch] = match;
  return Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
}

/** Which of the two a version text is of. */
export function flavourOf(version: string): Flavour {
  return /mariadb/i.test(version) ? "mariadb" : "mysql";
}

/** Throws Refusal for a state in which texts cannot be read for certain. */
export function modeOf(state: SqlState): Mode {
  const modes = modesOf(state.sql_mode ?? "");
  const charset = (state.character_set_client ?? "utf8mb4").toLowerCase();
  if (!isSafeCharset(charset)) {
    throw new Refusal(
      "setting:character_set_client",
      `The client's character set ${charset} is not one that Postern reads`,
      "Connect with utf8mb4, or run SET NAMES utf8mb4",
    );
  }
  const version = state.version ?? "";
  const named = state.flavour;
  if (named !== undefined && named !== "" && named !== "mysql" && named !== "mariadb") {
    throw new Refusal(
      "setting:flavour",
      `Postern does not know the flavour ${named}`,
      "Tell whoever runs Postern",
    );
  }
  const flavour = named === "mysql" || named === "mariadb" ? named : flavourOf(version);
  const facts = {
    flavour,
    version: versionNumber(version),
    ansiQuotes: modes.includes("ANSI_QUOTES"),
    noBackslashEscapes: modes.includes("NO_BACKSLASH_ESCAPES"),
    pipesAsConcat: modes.includes("PIPES_AS_CONCAT"),
    highNotPrecedence: modes.includes("HIGH_NOT_PRECEDENCE"),
    utf8: utf8Sets.has(charset),
    schema: state.schema ?? "",
  };
  return { ...facts, key: JSON.stringify(facts) };
}
