import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { endPointBinding, saslPrepared, ScramClient, scramPlus } from "../../../proxy/postgres/scram.ts";
import { ScramServer } from "../../../proxy/postgres/scram_server.ts";
import { createAuthority } from "../../support/certificates.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

/** RFC 7677, section 3. */
const vector = {
  client: { user: "user", password: "pencil", nonce: "rOprNGfwEbeRWgbNEkqO" },
  first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
  serverFirst: `r=rOprNGfwEbeRWgbNEkqO${serverNonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
  final: `c=biws,r=rOprNGfwEbeRWgbNEkqO${serverNonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
  serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

function verifierOf(password: string, salt: Uint8Array, iterations = 4096) {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const key = (label: string) => createHmac("sha256", salted).update(label).digest();
  return {
    salt,
    iterations,
    storedKey: createHash("sha256").update(key("Client Key")).digest(),
    serverKey: key("Server Key"),
  };
}

Deno.test("the client speaks RFC 7677's example, and believes only its signature", async () => {
  const client = new ScramClient({ ...vector.client, binding: null, offered: ["SCRAM-SHA-256"] });
  assert.equal(text(client.first()), vector.first);
  assert.equal(text(await client.final(vector.serverFirst)), vector.final);
  assert.throws(() => client.verify("v=AAAA"), /could not prove/);
  assert.throws(() => client.verify("e=invalid-proof"), /could not prove/);
  assert.equal(client.verified, false);
  client.verify(vector.serverFinal);
  assert.equal(client.verified, true);
});

Deno.test("the server speaks RFC 7677's example", () => {
  const salt = Uint8Array.fromBase64("W22ZaJ0SNY7soEsUEjb6gQ==");
  const server = new ScramServer({ verifier: verifierOf("pencil", salt), binding: null, nonce: serverNonce });
  assert.equal(server.first("SCRAM-SHA-256", vector.first), vector.serverFirst);
  assert.equal(server.final(vector.final), vector.serverFinal);
});

Deno.test("a target's first message that is no continuation of ours, or asks too much, ends it", async () => {
  const start = () => new ScramClient({ ...vector.client, binding: null, offered: ["SCRAM-SHA-256"] });
  for (
    const [message, problem] of [
      ["r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", /nonce/],
      ["r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", /nonce/],
      ["r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=999999999", /iterations/],
      ["r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0", /malformed/],
      ["m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1", /malformed/],
      ["", /malformed/],
    ] as const
  ) await assert.rejects(start().final(message), problem);
  assert.throws(
    () => new ScramClient({ ...vector.client, binding: null, offered: ["PLAIN"] }),
    /none of the offered/,
  );
});

const binding = createHash("sha256").update("certificate").digest();

async function exchange(client: ScramClient, server: ScramServer): Promise<string | null> {
  const first = server.first(client.mechanism, text(client.first()));
  const final = server.final(text(await client.final(first)));
  if (final !== null) client.verify(final);
  return final;
}

Deno.test("both ends agree with and without channel binding; a wrong password proves nothing", async () => {
  const verifier = verifierOf("pencil", new Uint8Array(16), 100);
  for (const bound of [null, binding]) {
    const server = new ScramServer({ verifier, binding: bound });
    const client = new ScramClient({ password: "pencil", binding: bound, offered: server.mechanisms });
    assert.equal(client.mechanism === scramPlus, bound !== null);
    assert.notEqual(await exchange(client, server), null);
    assert.equal(client.verified, true);
    const wrong = new ScramServer({ verifier, binding: bound });
    assert.equal(
      await exchange(new ScramClient({ password: "pen", binding: bound, offered: wrong.mechanisms }), wrong),
      null,
    );
  }
});

Deno.test("a downgrade is noticed: who could bind says so, and the end that offered it refuses", async () => {
  const verifier = verifierOf("pencil", new Uint8Array(16), 100);
  const cut = new ScramClient({ password: "pencil", binding, offered: ["SCRAM-SHA-256"] });
  assert.match(text(cut.first()), /^y,,/);
  await assert.rejects(exchange(cut, new ScramServer({ verifier, binding })), /taken away/);
  const elsewhere = new ScramClient({
    password: "pencil",
    binding: new Uint8Array(32),
    offered: [scramPlus],
  });
  await assert.rejects(exchange(elsewhere, new ScramServer({ verifier, binding })), /another connection/);
});

Deno.test("malformed client messages are violations, never crashes", () => {
  const verifier = verifierOf("pencil", new Uint8Array(16), 100);
  const server = () => new ScramServer({ verifier, binding: null, nonce: "n" });
  for (
    const first of [
      "",
      "n,,",
      "x,,n=,r=a",
      "n,a=admin,n=,r=a",
      "p=tls-unique,,n=,r=a",
      "n,,m=1,n=,r=a",
      "n,,n=,r=",
    ]
  ) {
    assert.throws(() => server().first("SCRAM-SHA-256", first), { code: "ProtocolViolation" }, first);
  }
  assert.throws(() => server().first(scramPlus, "p=tls-server-end-point,,n=,r=a"), {
    code: "ProtocolViolation",
  });
  const begun = server();
  begun.first("SCRAM-SHA-256", "n,,n=,r=a");
  for (const final of ["", "c=biws,r=other,p=AAAA", "c=AAAA,r=an,p=AAAA", "c=biws,r=an"]) {
    assert.throws(() => begun.final(final), { code: "ProtocolViolation" }, final);
  }
  assert.equal(begun.final("c=biws,r=an,p=AAAA"), null, "a proof of the wrong length is a wrong proof");
});

Deno.test("tls-server-end-point takes the certificate's own hash, and none where it has none (Ed25519)", () => {
  const der = (pem: string) =>
    Uint8Array.fromBase64(pem.replace(/-----[^-]+-----/g, "").replaceAll(/\s/g, ""));
  const own = der(createAuthority().issue().certificate);
  const hash = endPointBinding(own);
  if (hash !== null) assert.deepEqual(hash, createHash("sha256").update(own).digest());
  // Certificate ::= SEQUENCE { tbs SEQUENCE {}, SEQUENCE { OID }, … }
  const withOid = (oid: number[]) =>
    Uint8Array.from([0x30, 4 + oid.length + 2, 0x30, 0, 0x30, oid.length + 2, 6, oid.length, ...oid]);
  const ed25519 = withOid([0x2b, 0x65, 0x70]);
  assert.equal(endPointBinding(ed25519), null);
  const sha384 = withOid([0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]);
  assert.deepEqual(endPointBinding(sha384), createHash("sha384").update(sha384).digest());
  const md5 = withOid([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4]);
  assert.deepEqual(endPointBinding(md5), createHash("sha256").update(md5).digest());
  for (
    const broken of [
      new Uint8Array(0),
      Uint8Array.from([0x30, 0x84, 0xff]),
      Uint8Array.from([0x30, 5, 0x30, 0x7f]),
    ]
  ) {
    assert.equal(endPointBinding(broken), null);
  }
});

Deno.test("SASLprep: spaces and invisible characters are mapped, what is prohibited counts as it is", () => {
  assert.equal(saslPrepared("I\u00adX"), "IX");
  assert.equal(saslPrepared("\u2168"), "IX");
  assert.equal(saslPrepared("a\u00a0b"), "a b");
  assert.equal(saslPrepared("plain"), "plain");
  assert.equal(saslPrepared("\u00aa\u0007"), "\u00aa\u0007");
});
