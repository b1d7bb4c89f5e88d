/** The log: one line an entry on standard error, readable or JSON. No secret, statement or row belongs in it. */

export type Level = "debug" | "info" | "warn" | "error";
export type Log = (level: Level, message: string, fields?: Record<string, unknown>) => void;

const order: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LogOptions {
  readonly level: Level;
  readonly format: "text" | "json";
  /** Where lines go; standard error unless told. */
  readonly write?: (line: string) => void;
}

export function createLog(options: LogOptions): Log {
  const encoder = new TextEncoder();
  const write = options.write ?? ((line: string) => {
    Deno.stderr.writeSync(encoder.encode(line));
  });
  return (level, message, fields = {}) => {
    if (order[level] < order[options.level]) return;
    const at = new Date().toISOString();
    const line = options.format === "json"
      ? JSON.stringify({ at, level, message, ...fields })
      : `${at} ${level.toUpperCase().padEnd(5)} ${printable(message)}${textOf(fields)}`;
    write(`${line}\n`);
  };
}

function textOf(fields: Record<string, unknown>): string {
  return Object.entries(fields).map(([key, value]) => ` ${key}=${printable(valueText(value))}`).join("");
}

function valueText(value: unknown): string {
  if (typeof value === "string") return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  return JSON.stringify(value) ?? String(value);
}

/** Control characters escaped: a name from the wire must not forge a line or move somebody's cursor. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029]/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
