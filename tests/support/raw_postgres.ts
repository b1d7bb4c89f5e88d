/** A PostgreSQL client that says exactly what a test wants it to, byte by byte. Shares no code with proxy/. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface Message {
  readonly type: string;
  readonly body: Uint8Array;
}

export function bytesOf(...parts: (string | number[] | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const pieces = parts.map((part) => typeof part === "string" ? encoder.encode(part) : new Uint8Array(part));
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

export const int32 = (value: number): number[] =>
  [value >>> 24, value >>> 16, value >>> 8, value].map((b) => b & 255);
export const int16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];

export function message(type: string, ...parts: (string | number[] | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const body = bytesOf(...parts);
  return bytesOf(type, int32(body.length + 4), body);
}

export const say = {
  query: (text: string) => message("Q", `${text}\0`),
  parse: (name: string, text: string, types: number[] = []) =>
    message("P", `${name}\0${text}\0`, int16(types.length), types.flatMap(int32)),
  bind: (portal: string, statement: string, values: (string | null)[] = [], resultFormats: number[] = []) =>
    message(
      "B",
      `${portal}\0${statement}\0`,
      int16(0),
      int16(values.length),
      bytesOf(...values.map((value) => {
        if (value === null) return int32(-1);
        const bytes = encoder.encode(value);
        return bytesOf(int32(bytes.length), bytes);
      })),
      int16(resultFormats.length),
      resultFormats.flatMap(int16),
    ),
  describe: (kind: "S" | "P", name: string) => message("D", `${kind}${name}\0`),
  execute: (portal: string, rows = 0) => message("E", `${portal}\0`, int32(rows)),
  close: (kind: "S" | "P", name: string) => message("C", `${kind}${name}\0`),
  flush: () => message("H"),
  sync: () => message("S"),
  terminate: () => message("X"),
  copyData: (text: string) => message("d", text),
  copyDone: () => message("c"),
  copyFail: (why: string) => message("f", `${why}\0`),
};

export function startup(parameters: Record<string, string>, version = 196_608): Uint8Array<ArrayBuffer> {
  const body = bytesOf(
    int32(version),
    Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`).join(""),
    [0],
  );
  return bytesOf(int32(body.length + 4), body);
}

export const sslRequest = bytesOf(int32(8), int32(80_877_103));
export const gssRequest = bytesOf(int32(8), int32(80_877_104));
export const cancelRequest = (pid: number, secret: Uint8Array) =>
  bytesOf(int32(12 + secret.length), int32(80_877_102), int32(pid), secret);

/** Fields of an ErrorResponse or NoticeResponse. */
export function fieldsOf({ body }: Message): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const part of decoder.decode(body).split("\0")) {
    if (part !== "") fields[part.charAt(0)] = part.slice(1);
  }
  return fields;
}

/** DataRow's values as text. */
export function valuesOf({ body }: Message): (string | null)[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const values: (string | null)[] = [];
  let at = 2;
  for (let count = view.getInt16(0); count > 0; count--) {
    const length = view.getInt32(at);
    at += 4;
    values.push(length === -1 ? null : decoder.decode(body.subarray(at, at + length)));
    at += Math.max(0, length);
  }
  return values;
}

export class RawPostgres {
  #buffer = new Uint8Array(0);
  pid = 0;
  secret = new Uint8Array(0);
  parameters: Record<string, string> = {};

  constructor(readonly connection: Deno.Conn) {}

  static async open(port: number): Promise<RawPostgres> {
    return new RawPostgres(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Up to the first ReadyForQuery. */
  static async ready(port: number, parameters: Record<string, string> = {}): Promise<RawPostgres> {
    const client = await RawPostgres.open(port);
    await client.send(startup({ user: "me", database: "demo", ...parameters }));
    for (const { type, body } of await client.until("Z")) {
      if (type === "E") throw new Error(decoder.decode(body));
      if (type === "S") {
        const [name = "", value = ""] = decoder.decode(body).split("\0");
        client.parameters[name] = value;
      }
      if (type === "K") {
        client.pid = new DataView(body.buffer, body.byteOffset).getInt32(0);
        client.secret = body.slice(4);
      }
    }
    return client;
  }

  async send(...frames: Uint8Array[]): Promise<void> {
    const whole = bytesOf(...frames);
    for (let at = 0; at < whole.length;) at += await this.connection.write(whole.subarray(at));
  }

  /** The next message; null at the end. */
  async next(): Promise<Message | null> {
    for (;;) {
      const buffer = this.#buffer;
      if (buffer.length >= 5) {
        const bytes = new DataView(buffer.buffer, buffer.byteOffset).getInt32(1) + 1;
        if (buffer.length >= bytes) {
          this.#buffer = buffer.subarray(bytes);
          return { type: String.fromCharCode(buffer[0] ?? 0), body: buffer.slice(5, bytes) };
        }
      }
      if (!await this.#read()) return null;
    }
  }

  /** Messages up to one of `type`, that one included; fewer where the connection ends. */
  async until(type: string): Promise<Message[]> {
    const messages: Message[] = [];
    for (;;) {
      const next = await this.next();
      if (next === null) return messages;
      messages.push(next);
      if (next.type === type) return messages;
    }
  }

  /** Sends, and gives the types of everything up to ReadyForQuery in one word: `12TDCZ`. */
  async ask(...frames: Uint8Array[]): Promise<{ types: string; messages: Message[] }> {
    await this.send(...frames);
    const messages = await this.until("Z");
    return { types: messages.map(({ type }) => type).join(""), messages };
  }

  /** One byte, for the answers to SSLRequest. */
  async byte(): Promise<string | null> {
    while (this.#buffer.length === 0) if (!await this.#read()) return null;
    const byte = String.fromCharCode(this.#buffer[0] ?? 0);
    this.#buffer = this.#buffer.subarray(1);
    return byte;
  }

  /** Everything until the other side closes. */
  async rest(): Promise<Message[]> {
    return await this.until("");
  }

  close(): void {
    try {
      this.connection.close();
    } catch {
      // Closed before.
    }
  }

  async #read(): Promise<boolean> {
    const chunk = new Uint8Array(65_536);
    const count = await this.connection.read(chunk).catch(() => null);
    if (count === null) return false;
    this.#buffer = bytesOf(this.#buffer, chunk.subarray(0, count));
    return true;
  }
}
