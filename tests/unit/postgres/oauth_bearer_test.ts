/** OAUTHBEARER's messages (RFC 7628): what counts as a token, what asks for the discovery, and what is refused. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { PosternError } from "../../../policy/errors.ts";
import { bearerOf, bearerRefusal, checkAcknowledged } from "../../../proxy/postgres/oauth_bearer.ts";

Deno.test("the token is read out of the client's message, and its absence asks for the discovery", () => {
  const answers: [string, string | null][] = [
    ["n,,\x01auth=Bearer abc.def-_~+/==\x01\x01", "abc.def-_~+/=="],
    ["y,,\x01auth=bearer x\x01\x01", "x"],
    // RFC 7628, section 4.1.
    [
      "n,,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
      "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
    ],
    ["n,,\x01auth=\x01\x01", null],
  ];
  for (const [message, token] of answers) assert.equal(bearerOf(message), token, JSON.stringify(message));
});

Deno.test("what is malformed is a violation that says what is wrong", () => {
  const cases: [string, RegExp][] = [
    ["", /GS2/],
    ["x,,\x01auth=Bearer x\x01\x01", /GS2/],
    ["p=tls-server-end-point,,\x01auth=Bearer x\x01\x01", /channel binding/],
    ["n,a=root,\x01auth=Bearer x\x01\x01", /authorization identity/],
    ["n,,auth=Bearer x\x01\x01", /separators/],
    ["n,,\x01auth=Bearer x\x01", /separators/],
    ["n,,\x01auth=Bearer x\x01\x01more", /separators/],
    ["n,,\x01\x01", /separators|pair/],
    ["n,,\x01host=x\x01\x01", /no `auth`/],
    ["n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01", /two values/],
    ["n,,\x01auth=Basic dTpw\x01\x01", /no bearer token/],
    ["n,,\x01auth=Bearer \x01\x01", /no bearer token/],
    ["n,,\x01auth=Bearer a b\x01\x01", /no bearer token/],
    ["n,,\x01auth=Bearer é\x01\x01", /pair that is none/],
    ["n,,\x01=x\x01\x01", /pair that is none/],
  ];
  for (const [message, what] of cases) {
    assert.throws(() => bearerOf(message), (error: PosternError) => {
      assert.equal(error.code, "ProtocolViolation");
      assert.match(error.message, what, JSON.stringify(message));
      return true;
    });
  }
  assert.throws(() => checkAcknowledged(""), /acknowledge/);
  checkAcknowledged("\x01");
});

Deno.test("whatever comes is a token, a question, or a violation", () => {
  const part = fc.constantFrom("n", "y", "p=", ",", "\x01", "auth=", "Bearer ", "x", "=", "\0", "é");
  fc.assert(fc.property(fc.array(part, { maxLength: 12 }).map((parts) => parts.join("")), (message) => {
    try {
      const token = bearerOf(message);
      assert.ok(token === null || /^[A-Za-z0-9._~+/-]+=*$/.test(token));
    } catch (error) {
      assert.ok(error instanceof PosternError && error.code === "ProtocolViolation", String(error));
    }
  }));
});

Deno.test("the refusal is the JSON object of section 3.2.2", () => {
  assert.deepEqual(
    JSON.parse(
      bearerRefusal({ configurationUrl: "https://x/.well-known/openid-configuration", scope: "openid a" }),
    ),
    {
      status: "invalid_token",
      "openid-configuration": "https://x/.well-known/openid-configuration",
      scope: "openid a",
    },
  );
});
