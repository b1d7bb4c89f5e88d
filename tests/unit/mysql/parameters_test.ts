/** What executions of prepared statements carry. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { PosternError } from "../../../policy/errors.ts";
import { decodeExecute, decodeExecuteHead } from "../../../proxy/mysql/parameters.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
const none = { parameterCount: 0, types: null, longData: new Map() };

Deno.test("parameters of every type, from the manual's layout", () => {
  const values: [string, string, string | null][] = [
    ["01 00", "ff", "-1"],
    ["01 80", "ff", "255"],
    ["02 00", "00 80", "-32768"],
    ["0d 80", "e8 07", "2024"],
    ["03 00", "ff ff ff 7f", "2147483647"],
    ["08 80", "ff ff ff ff ff ff ff ff", "18446744073709551615"],
    ["04 00", "00 00 80 3f", "1"],
    ["05 00", "66 66 66 66 66 66 24 40", "10.2"],
    ["0a 00", "04 da 07 0a 11", "2010-10-17"],
    ["0a 00", "00", "0000-00-00"],
    ["0c 00", "0b da 07 0a 11 13 1b 1e 01 00 00 00", "2010-10-17 19:27:30.000001"],
    ["07 00", "07 da 07 0a 11 13 1b 1e", "2010-10-17 19:27:30"],
    ["0b 00", "0c 01 78 00 00 00 13 1b 1e 01 00 00 00", "-2899:27:30.000001"],
    ["0b 00", "00", "00:00:00"],
    ["fd 00", "03 61 c3 a9", "aé"],
    ["fc 00", "02 ff fe", "0xfffe"],
    ["f6 00", "04 2d 31 2e 35", "-1.5"],
    ["06 00", "", null],
  ];
  for (const [type, value, text] of values) {
    const body = hex(`17 07 00 00 00 00 01 00 00 00 00 01 ${type} ${value}`);
    assert.deepEqual(decodeExecuteHead(body), { statement: 7, cursor: 0 });
    const { parameters, types } = decodeExecute(body, { ...none, parameterCount: 1 }, "utf8");
    assert.equal(parameters[0]!.text, text, type);
    const again = hex(`17 07 00 00 00 00 01 00 00 00 00 00 ${value}`);
    assert.deepEqual(
      decodeExecute(again, { ...none, parameterCount: 1, types }, "utf8").parameters,
      parameters,
    );
    for (let end = 5; end < body.length - (value === "" ? 0 : 1); end++) {
      assert.throws(
        () => decodeExecute(body.subarray(0, end), { ...none, parameterCount: 1 }, "utf8"),
        PosternError,
      );
    }
  }
});

Deno.test("an execution that does not fit its statement is refused, not guessed", () => {
  const one = { ...none, parameterCount: 1 };
  const cases: [string, string, typeof one][] = [
    ["two iterations", "17 07 00 00 00 00 02 00 00 00", none],
    ["no types, none before", "17 07 00 00 00 00 01 00 00 00 00 00 01", one],
    ["an unknown type", "17 07 00 00 00 00 01 00 00 00 00 01 99 00 01", one],
    ["a length beyond the end", "17 07 00 00 00 00 01 00 00 00 00 01 fd 00 05 61", one],
    ["bytes after the end", "17 07 00 00 00 00 01 00 00 00 00 01 01 00 05 00", one],
  ];
  for (const [name, bytes, known] of cases) {
    assert.throws(() => decodeExecute(hex(bytes), known, "utf8"), { code: "ProtocolViolation" }, name);
  }
});

Deno.test("any bytes as an execution are read or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 10, maxLength: 80 }), fc.nat(20), (bytes, parameterCount) => {
      try {
        const { parameters } = decodeExecute(bytes, { ...none, parameterCount }, "utf8");
        assert.equal(parameters.length, parameterCount);
      } catch (error) {
        assert.ok(error instanceof PosternError, String(error));
      }
    }),
  );
});
