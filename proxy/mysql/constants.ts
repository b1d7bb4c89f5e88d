/**
 * Numbers of the client/target protocol, from the MySQL internals manual ("Client/Server Protocol") and
 * MariaDB's "Client/Server Protocol" pages. All integers on the wire are little-endian.
 */

/** Capability flags, lower 32 bits. */
export const Capability = {
  longPassword: 1 << 0,
  foundRows: 1 << 1,
  longFlag: 1 << 2,
  connectWithDb: 1 << 3,
  noSchema: 1 << 4,
  compress: 1 << 5,
  odbc: 1 << 6,
  localFiles: 1 << 7,
  ignoreSpace: 1 << 8,
  protocol41: 1 << 9,
  interactive: 1 << 10,
  ssl: 1 << 11,
  ignoreSigpipe: 1 << 12,
  transactions: 1 << 13,
  reserved: 1 << 14,
  secureConnection: 1 << 15,
  multiStatements: 1 << 16,
  multiResults: 1 << 17,
  psMultiResults: 1 << 18,
  pluginAuth: 1 << 19,
  connectAttributes: 1 << 20,
  pluginAuthLenenc: 1 << 21,
  canHandleExpiredPasswords: 1 << 22,
  sessionTrack: 1 << 23,
  deprecateEof: 1 << 24,
  zstd: 1 << 26,
  queryAttributes: 1 << 27,
} as const;

/** MariaDB's extended capabilities, which are read where bit 0 of the others is not set. */
export const Extended = {
  progress: 1 << 0,
  bulk: 1 << 2,
} as const;

/** First byte of a command packet. */
export const Command = {
  quit: 0x01,
  initDb: 0x02,
  query: 0x03,
  fieldList: 0x04,
  createDb: 0x05,
  dropDb: 0x06,
  refresh: 0x07,
  shutdown: 0x08,
  statistics: 0x09,
  processInfo: 0x0a,
  processKill: 0x0c,
  debug: 0x0d,
  ping: 0x0e,
  changeUser: 0x11,
  binlogDump: 0x12,
  tableDump: 0x13,
  connectOut: 0x14,
  registerReplica: 0x15,
  statementPrepare: 0x16,
  statementExecute: 0x17,
  statementSendLongData: 0x18,
  statementClose: 0x19,
  statementReset: 0x1a,
  setOption: 0x1b,
  statementFetch: 0x1c,
  daemon: 0x1d,
  binlogDumpGtid: 0x1e,
  resetConnection: 0x1f,
  clone: 0x20,
  /** MariaDB: one statement, many rows of parameters. */
  statementBulkExecute: 0xfa,
} as const;

/** What people call a command, for messages. */
export const commandNames: ReadonlyMap<number, string> = new Map([
  [Command.createDb, "COM_CREATE_DB"],
  [Command.dropDb, "COM_DROP_DB"],
  [Command.refresh, "COM_REFRESH"],
  [Command.shutdown, "COM_SHUTDOWN"],
  [Command.processInfo, "COM_PROCESS_INFO"],
  [Command.debug, "COM_DEBUG"],
  [Command.changeUser, "COM_CHANGE_USER"],
  [Command.binlogDump, "COM_BINLOG_DUMP"],
  [Command.tableDump, "COM_TABLE_DUMP"],
  [Command.connectOut, "COM_CONNECT_OUT"],
  [Command.registerReplica, "COM_REGISTER_SLAVE"],
  [Command.binlogDumpGtid, "COM_BINLOG_DUMP_GTID"],
  [Command.clone, "COM_CLONE"],
  [Command.daemon, "COM_DAEMON"],
  [Command.statementBulkExecute, "COM_STMT_BULK_EXECUTE"],
]);

/** Status flags in OK and EOF packets. */
export const Status = {
  inTransaction: 0x0001,
  autocommit: 0x0002,
  moreResults: 0x0008,
  cursorExists: 0x0040,
  lastRowSent: 0x0080,
  sessionStateChanged: 0x4000,
} as const;

/** Types of session state in an OK packet. */
export const SessionState = { systemVariables: 0, schema: 1, stateChange: 2 } as const;

/** Column and parameter types. */
export const Type = {
  decimal: 0x00,
  tiny: 0x01,
  short: 0x02,
  long: 0x03,
  float: 0x04,
  double: 0x05,
  null: 0x06,
  timestamp: 0x07,
  longlong: 0x08,
  int24: 0x09,
  date: 0x0a,
  time: 0x0b,
  datetime: 0x0c,
  year: 0x0d,
  newdate: 0x0e,
  varchar: 0x0f,
  bit: 0x10,
  timestamp2: 0x11,
  datetime2: 0x12,
  time2: 0x13,
  vector: 0xf2,
  json: 0xf5,
  newdecimal: 0xf6,
  enum: 0xf7,
  set: 0xf8,
  tinyBlob: 0xf9,
  mediumBlob: 0xfa,
  longBlob: 0xfb,
  blob: 0xfc,
  varString: 0xfd,
  string: 0xfe,
  geometry: 0xff,
} as const;

/** Names of types, as approvers see them beside a parameter. */
export const typeNames: ReadonlyMap<number, string> = new Map([
  [Type.decimal, "decimal"],
  [Type.tiny, "tinyint"],
  [Type.short, "smallint"],
  [Type.long, "int"],
  [Type.float, "float"],
  [Type.double, "double"],
  [Type.null, "null"],
  [Type.timestamp, "timestamp"],
  [Type.longlong, "bigint"],
  [Type.int24, "mediumint"],
  [Type.date, "date"],
  [Type.time, "time"],
  [Type.datetime, "datetime"],
  [Type.year, "year"],
  [Type.varchar, "varchar"],
  [Type.bit, "bit"],
  [Type.json, "json"],
  [Type.newdecimal, "decimal"],
  [Type.enum, "enum"],
  [Type.set, "set"],
  [Type.tinyBlob, "tinyblob"],
  [Type.mediumBlob, "mediumblob"],
  [Type.longBlob, "longblob"],
  [Type.blob, "blob"],
  [Type.varString, "varchar"],
  [Type.string, "char"],
  [Type.geometry, "geometry"],
]);

/** Error numbers that Postern itself answers with, and their SQLSTATEs. */
export const ErrorCode = {
  unknownDatabase: { number: 1049, state: "42000" },
  unknownCommand: { number: 1047, state: "08S01" },
  accessDenied: { number: 1045, state: "28000" },
  connectionLimit: { number: 1040, state: "08004" },
  personLimit: { number: 1203, state: "42000" },
  /** The session goes on. */
  resourceLimit: { number: 1226, state: "42000" },
  resultTooLarge: { number: 1104, state: "42000" },
  shutdown: { number: 1053, state: "08S01" },
  unknownThread: { number: 1094, state: "HY000" },
  unknown: { number: 1105, state: "HY000" },
  statementDenied: { number: 1142, state: "42000" },
  packetTooLarge: { number: 1153, state: "08S01" },
  packetsOutOfOrder: { number: 1156, state: "08S01" },
  privilege: { number: 1227, state: "42000" },
  unknownStatement: { number: 1243, state: "HY000" },
  targetUnavailable: { number: 1429, state: "HY000" },
  noCursor: { number: 1421, state: "HY000" },
  secureTransport: { number: 3159, state: "HY000" },
  tooManyStatements: { number: 1461, state: "42000" },
  interrupted: { number: 1317, state: "70100" },
  malformed: { number: 1835, state: "HY000" },
  storeFailed: { number: 1026, state: "HY000" },
  idle: { number: 4031, state: "HY000" },
  /** What SIGNAL SQLSTATE '01000' warns with. */
  warning: { number: 1642, state: "01000" },
} as const;
