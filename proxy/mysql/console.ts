/** A client of Postern's own listener, for statements from the dashboard: the text protocol, several statements. */
import { Buffer } from "node:buffer";
import type { ConsoleEvent } from "../../policy/console.ts";
import {
  consoleName,
  consoleRowBytesMax,
  ConsoleRows,
  consoleTimeoutMs,
  listenerAsTarget,
} from "../console.ts";
import { refusalOf } from "../forward.ts";
import type { ConsoleRequest } from "../protocol.ts";
import { has } from "./capabilities.ts";
import { label, Reader } from "./codec.ts";
import { type Column, decodeColumn } from "./columns.ts";
import { Capability, Command, Status } from "./constants.ts";
import { encodePacket } from "./packets.ts";
import { decodeEof, decodeError, decodeOk, isEof } from "./replies.ts";
import { rowTexts } from "./row_texts.ts";
import { connectTarget, killOnTarget, ownOptions, type TargetLink } from "./target_link.ts";

const clientCapabilities = Capability.longFlag | Capability.transactions | Capability.multiStatements |
  Capability.multiResults | Capability.deprecateEof;

export async function* runConsole(request: ConsoleRequest): AsyncIterable<ConsoleEvent> {
  const { target: name, text, signal } = request;
  const own = listenerAsTarget(request);
  const link = await connectTarget(own, name, {
    ...ownOptions(consoleTimeoutMs, consoleName),
    clientCapabilities,
    signal,
  }).catch((error) => Promise.reject(refusalOf(error)));
  const { channel, greeting } = link;
  const cancel = () => {
    killOnTarget(own, greeting.threadId, "QUERY", consoleTimeoutMs).catch(() => channel.close());
  };
  signal.addEventListener("abort", cancel, { once: true });
  try {
    if (signal.aborted) return;
    await channel.write(
      encodePacket(0, Buffer.concat([Uint8Array.of(Command.query), Buffer.from(text, "utf8")])),
    );
    channel.reader.expect(1);
    yield* answersOf(link);
  } finally {
    signal.removeEventListener("abort", cancel);
    channel.close(encodePacket(0, Uint8Array.of(Command.quit)));
  }
}

async function* answersOf(link: TargetLink): AsyncIterable<ConsoleEvent> {
  const { capabilities } = link;
  const rows = new ConsoleRows();
  for (;;) {
    const first = await next(link);
    let status: number;
    if (first[0] === 0xff) return yield* failed(first, capabilities);
    else if (first[0] === 0x00) {
      const ok = decodeOk(first, capabilities);
      status = ok.status;
      const affected = Number(ok.affectedRows);
      const info = ok.info.length > 0 ? ` (${label(ok.info)})` : "";
      yield* rows.end((count) => `OK, ${rowsOf(count)} affected${info}`, affected);
      yield* warned(ok.warnings);
    } else {
      const ended = yield* resultOf(link, first, rows);
      if (ended === null) return;
      status = ended;
    }
    if (!has(status, Status.moreResults)) return yield { kind: "end" };
  }
}

/** Yields one result; returns the status that it ends with, null where an error ended it. */
async function* resultOf(
  link: TargetLink,
  first: Uint8Array,
  rows: ConsoleRows,
): AsyncGenerator<ConsoleEvent, number | null> {
  const { capabilities } = link;
  const columns: Column[] = [];
  for (let left = new Reader(first, "a column count").lenenc(); left > 0; left--) {
    columns.push(decodeColumn(await next(link)));
  }
  yield { kind: "columns", names: columns.map(({ name }) => name) };
  const okEnds = has(capabilities, Capability.deprecateEof);
  if (!okEnds) await next(link);
  for (;;) {
    const row = await next(link);
    if (row[0] === 0xff) {
      yield* failed(row, capabilities);
      return null;
    }
    if (okEnds ? row[0] === 0xfe && row.length < 0xffffff : isEof(row)) {
      const { status, warnings } = okEnds ? decodeOk(row, capabilities) : decodeEof(row);
      yield* rows.end(rowsOf);
      yield* warned(warnings);
      return status;
    }
    if (rows.wants) yield* rows.add(rowTexts(row, columns, true));
    else rows.skip();
  }
}

const next = async ({ channel }: TargetLink) =>
  (await channel.packet(consoleRowBytesMax, "a row in the console")).payload;

function* failed(payload: Uint8Array, capabilities: number): Iterable<ConsoleEvent> {
  const { code, state, message } = decodeError(payload, capabilities);
  yield { kind: "error", code: `${code}, ${state}`, message, detail: "", hint: "" };
  yield { kind: "end" };
}

function* warned(count: number): Iterable<ConsoleEvent> {
  if (count === 0) return;
  yield {
    kind: "notice",
    message: count === 1 ? "One warning" : `${count} warnings`,
    detail: "",
    hint: "To read it, add SHOW WARNINGS to the same run",
  };
}

const rowsOf = (count: number) => count === 1 ? "1 row" : `${count} rows`;
