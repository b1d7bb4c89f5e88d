/** Binary values as Postern shows them to approvers, against the target's own texts of the same values. */
import assert from "node:assert/strict";
import { binaryText } from "../../proxy/postgres/values.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { RawPostgres, say, startup, valuesOf } from "../support/raw_postgres.ts";

const values: [string, string][] = [
  ["bool", "true"],
  ["bytea", "\\xdeadbeef"],
  ["int2", "-32768"],
  ["int4", "2147483647"],
  ["int8", "-9223372036854775808"],
  ["oid", "4294967295"],
  ["text", "ümläut"],
  ["varchar", ""],
  ["float4", "0.1"],
  ["float4", "3.4028235e+38"],
  ["float8", "0.1"],
  ["float8", "-Infinity"],
  ["float8", "NaN"],
  ["numeric", "0"],
  ["numeric", "-123456789.000100"],
  ["numeric", "0.00001234"],
  ["numeric", "1000000000000"],
  ["numeric", "NaN"],
  ["date", "1999-12-17"],
  ["date", "0099-01-01"],
  ["date", "infinity"],
  ["time", "11:51:06.84"],
  ["timestamp", "2024-02-29 23:59:59.999999"],
  ["timestamp", "1066-10-14 09:00:00"],
  ["timestamptz", "2024-02-29 23:59:59+00"],
  ["uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["jsonb", '{"a": [1, 2]}'],
  ["int4[]", "{1,NULL,-3}"],
  ["int4[]", "{}"],
  ["int4[]", "{{1,2},{3,4}}"],
  ["text[]", '{a,"b,c"}'],
  ["uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"],
  ["numeric[]", "{1.50,2}"],
  ["timestamptz[]", '{"2024-02-29 00:00:00+00"}'],
];

testNeeding([postgresqlHere], "binary values read as the target's own texts", async () => {
  const server = await startPostgresql({ auth: "trust" });
  const client = await RawPostgres.open(server.port);
  try {
    await client.send(startup({ user: "app", database: "app", TimeZone: "UTC" }));
    await client.until("Z");
    for (const [type, text] of values) {
      const sql = `SELECT $1::text::${type}, $1::text::${type}, '${type}'::regtype::oid::text`;
      const { messages } = await client.ask(
        say.parse("", sql),
        say.bind("", "", [text], [1, 0, 0]),
        say.execute(""),
        say.sync(),
      );
      const row = messages.find(({ type }) => type === "D")!;
      const [, shown, oid] = valuesOf(row);
      const length = new DataView(row.body.buffer, row.body.byteOffset).getInt32(2);
      assert.equal(binaryText(row.body.subarray(6, 6 + length), Number(oid)), shown, `${type} ${text}`);
    }
  } finally {
    client.close();
    await server.close();
  }
});
