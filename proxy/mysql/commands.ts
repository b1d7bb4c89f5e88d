/** The commands of an admitted client, one at a time. (MySQL internals: "Command Phase".) */
import { PosternError } from "../../policy/errors.ts";
import { decodeQuery, requestFor } from "./attributes.ts";
import { executeBulk } from "./bulk.ts";
import { changeUser } from "./change_user.ts";
import { decodeText, isAscii } from "./charsets.ts";
import { label, Reader, Writer } from "./codec.ts";
import { Command, commandNames, ErrorCode } from "./constants.ts";
import type { Conversation } from "./conversation.ts";
import { parseKill } from "./live.ts";
import { encodePacket, type Packet } from "./packets.ts";
import { Refused } from "./refused.ts";
import { resetSession } from "./reset.ts";
import { executeStatement, fetchRows, prepareStatement, resetStatement } from "./statement_commands.ts";

/** What becomes of the connection after a command. */
export type After = "next" | "quit";

/** Kills one of the client's own connections; false where the id is none of theirs. */
export type KillOwn = (id: number, kind: "QUERY" | "CONNECTION") => Promise<boolean>;

const encoder = new TextEncoder();

/** Throws Refused for what the client is to be told; any other error ends the connection. */
export async function handleCommand(
  conversation: Conversation,
  packet: Packet,
  killOwn: KillOwn,
): Promise<After> {
  const { payload, raw, sequence } = packet;
  const forward = (kind: "ok" | "single") => conversation.exchange(raw, { kind, sequence });
  switch (payload[0]) {
    case Command.quit:
      return "quit";
    case Command.query:
      await query(conversation, packet, killOwn);
      break;
    case Command.initDb:
      await initDb(conversation, packet);
      break;
    case Command.fieldList:
      await fieldList(conversation, packet);
      break;
    case Command.ping:
    case Command.setOption:
      await forward("ok");
      break;
    case Command.statistics:
      await forward("single");
      break;
    case Command.processKill: {
      const id = new Reader(payload, "a COM_PROCESS_KILL", 1).u32le();
      if (!await killOwn(id, "CONNECTION")) throw notYours(id);
      await conversation.answerOk(packet);
      break;
    }
    case Command.changeUser:
      await changeUser(conversation, packet);
      break;
    case Command.resetConnection:
      await resetSession(conversation, packet);
      break;
    case Command.statementPrepare:
      await prepareStatement(conversation, packet, textOf(conversation, payload.subarray(1)));
      break;
    case Command.statementExecute:
      await executeStatement(conversation, packet);
      break;
    case Command.statementBulkExecute:
      await executeBulk(conversation, packet);
      break;
    case Command.statementFetch:
      await fetchRows(conversation, packet);
      break;
    case Command.statementReset:
      await resetStatement(conversation, packet);
      break;
    case Command.statementSendLongData:
      conversation.prepared.keepLongData(payload);
      break;
    case Command.statementClose:
      conversation.prepared.remove(new Reader(payload, "a COM_STMT_CLOSE", 1).u32le());
      await conversation.parts.link.channel.write(raw);
      break;
    default:
      throw refusedCommand(payload[0]);
  }
  return "next";
}

async function query(conversation: Conversation, packet: Packet, killOwn: KillOwn): Promise<void> {
  const { attributed, strips, state } = conversation;
  const parts = decodeQuery(packet.payload, attributed, state.charset ?? "ascii");
  const text = textOf(conversation, parts.text);
  const kill = parseKill(text);
  if (kill !== null && await killOwn(kill.id, kill.kind)) return await conversation.answerOk(packet);
  const ready = conversation.ready(text);
  if (ready !== null) await ready;
  const run = conversation.run(text, conversation.judge(text), { parameters: parts.attributes });
  const { bytes, ...numbers } = requestFor(packet, parts, strips);
  await conversation.execute(run, bytes, { kind: "query", ...numbers });
}

/** A schema is changed by its name alone; it is judged as the statement that does the same. */
async function initDb(conversation: Conversation, packet: Packet): Promise<void> {
  const { alias, session } = conversation.parts;
  const asked = textOf(conversation, packet.payload.subarray(1));
  const name = asked !== "" && asked === alias ? session.database : asked;
  const text = `USE ${quoted(name)}`;
  const run = conversation.run(text, conversation.judge(text));
  const request = name === asked
    ? packet.raw
    : encodePacket(0, new Writer().u8(Command.initDb).raw(encoder.encode(name)).finish());
  await conversation.execute(run, request, { kind: "ok", sequence: packet.sequence });
}

/** Answers with definitions alone; it is judged as the statement that shows the same. */
async function fieldList(conversation: Conversation, packet: Packet): Promise<void> {
  const reader = new Reader(packet.payload, "a COM_FIELD_LIST", 1);
  const table = textOf(conversation, reader.untilNul());
  const text = `SHOW COLUMNS FROM ${quoted(table)}`;
  const run = conversation.run(text, conversation.judge(text));
  await conversation.execute(run, packet.raw, { kind: "fields", sequence: packet.sequence });
}

function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** Throws Refused where the bytes cannot be read for certain. */
function textOf({ state }: Conversation, bytes: Uint8Array): string {
  const { charset } = state;
  if (charset !== null) {
    const text = decodeText(bytes, charset);
    if (text !== null) return text;
    throw new Refused(
      new PosternError(
        "PolicyDenied",
        `the statement is not valid in the connection's character set (${charset})`,
        {
          rule: "built-in: character sets",
          hint: "Send binary data as a parameter or as a hexadecimal literal, or SET NAMES utf8mb4",
        },
      ),
    );
  }
  // What is below 0x80 means the same in every character set that a client may have.
  if (isAscii(bytes)) return label(bytes);
  const name = state.sql.character_set_client ?? "";
  throw new Refused(
    new PosternError("PolicyDenied", `character_set_client is ${name}, which Postern does not read`, {
      rule: "built-in: character sets",
      hint: "SET NAMES utf8mb4, or connect with --default-character-set=utf8mb4",
    }),
  );
}

function notYours(id: number): Refused {
  return new Refused(
    new PosternError("PolicyDenied", `the thread ${id} is not a connection of yours`, {
      rule: "built-in: kill",
      hint: "An administrator ends other people's sessions in the dashboard",
    }),
    ErrorCode.unknownThread,
  );
}

const replication: ReadonlySet<number> = new Set([
  Command.binlogDump,
  Command.binlogDumpGtid,
  Command.registerReplica,
  Command.tableDump,
  Command.clone,
]);

function refusedCommand(code: number | undefined): Refused {
  if (code === undefined) {
    throw new PosternError("ProtocolViolation", "an empty packet where a command must be");
  }
  const name = commandNames.get(code);
  if (name === undefined) {
    return new Refused(
      new PosternError(
        "ProtocolViolation",
        `the command 0x${code.toString(16).padStart(2, "0")} is not known`,
      ),
      ErrorCode.unknownCommand,
    );
  }
  if (replication.has(code)) {
    return new Refused(
      new PosternError("PolicyDenied", `${name} is refused: replication does not go through Postern`, {
        rule: "built-in: replication",
        hint: "Connect the replica to its source directly",
      }),
      ErrorCode.privilege,
    );
  }
  const hint = code === Command.processInfo ? "Use SHOW PROCESSLIST" : "Use the SQL statement instead";
  return new Refused(
    new PosternError("PolicyDenied", `${name} is refused`, { rule: "built-in: commands", hint }),
    ErrorCode.unknownCommand,
  );
}
