/**
 * X.509 v3 certificates for tests (RFC 5280), ECDSA P-256 with SHA-256, written as DER here so that no
 * program is needed and expired or misnamed ones are as easy as good ones.
 */
import { Buffer } from "node:buffer";
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  readonly commonName?: string;
  /** Subject alternative names. Default `localhost` and 127.0.0.1, none for a CA. */
  readonly hosts?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface CertificateAuthority extends Certificate {
  issue(options?: CertificateOptions): Certificate;
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));
const octets = (content: Uint8Array) => der(0x04, content);
const bits = (content: Uint8Array, unused = 0) => der(0x03, Buffer.from([unused]), content);
const truth = der(0x01, Buffer.from([0xff]));

const ids = {
  ecdsaWithSha256: "2a8648ce3d040302",
  commonName: "550403",
  basicConstraints: "551d13",
  keyUsage: "551d0f",
  extendedKeyUsage: "551d25",
  subjectAltName: "551d11",
  subjectKeyIdentifier: "551d0e",
  authorityKeyIdentifier: "551d23",
  tlsAuthentication: ["2b06010505070301", "2b06010505070302"],
};

const algorithm = sequence(oid(ids.ecdsaWithSha256));

const nameOf = (commonName: string) =>
  sequence(der(0x31, sequence(oid(ids.commonName), der(0x0c, Buffer.from(commonName)))));

/** UTCTime until 2049, GeneralizedTime after (RFC 5280, 4.1.2.5). */
function timeOf(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]/g, "").replace(/\.\d+/, "");
  return date.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

/** SHA-1 of the key, as RFC 5280, 4.2.1.2 proposes. */
const keyIdOf = (key: KeyObject) =>
  createHash("sha1").update(key.export({ type: "spki", format: "der" })).digest();

function altName(host: string): Buffer {
  const numbers = host.split(".").map(Number);
  const isAddress = numbers.length === 4 && numbers.every((n) => n >= 0 && n <= 255);
  return isAddress ? der(0x87, Buffer.from(numbers)) : der(0x82, Buffer.from(host));
}

function extensionsOf(isAuthority: boolean, hosts: readonly string[], own: Buffer, signers: Buffer): Buffer {
  const extension = (id: string, critical: boolean, value: Uint8Array) =>
    sequence(oid(id), ...(critical ? [truth] : []), octets(value));
  const all = isAuthority
    ? [
      extension(ids.basicConstraints, true, sequence(truth)),
      extension(ids.keyUsage, true, bits(Buffer.from([0x06]), 1)), // keyCertSign, cRLSign
    ]
    : [
      extension(ids.basicConstraints, true, sequence()),
      extension(ids.keyUsage, true, bits(Buffer.from([0x80]), 7)), // digitalSignature
      extension(ids.extendedKeyUsage, false, sequence(...ids.tlsAuthentication.map(oid))),
      ...(hosts.length > 0 ? [extension(ids.subjectAltName, false, sequence(...hosts.map(altName)))] : []),
    ];
  const identifiers = [
    extension(ids.subjectKeyIdentifier, false, octets(own)),
    extension(ids.authorityKeyIdentifier, false, sequence(der(0x80, signers))),
  ];
  return der(0xa3, sequence(...all, ...identifiers));
}

function make(
  options: Required<CertificateOptions>,
  isAuthority: boolean,
  signer: { name: string; key: KeyObject } | null,
): Certificate & { privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serial = randomBytes(16);
  serial[0] = 0x40 | (serial[0] as number) & 0x3f; // positive, and no leading zeros
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    algorithm,
    nameOf(signer?.name ?? options.commonName),
    sequence(timeOf(options.notBefore), timeOf(options.notAfter)),
    nameOf(options.commonName),
    publicKey.export({ type: "spki", format: "der" }),
    extensionsOf(
      isAuthority,
      options.hosts,
      keyIdOf(publicKey),
      keyIdOf(createPublicKey(signer?.key ?? privateKey)),
    ),
  );
  const signature = sign("sha256", body, signer?.key ?? privateKey);
  const lines = sequence(body, algorithm, bits(signature)).toString("base64").replace(
    /(.{64})(?!$)/g,
    "$1\n",
  );
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    privateKey,
  };
}

const day = 86_400_000;
const complete = (options: CertificateOptions, hosts: readonly string[]): Required<CertificateOptions> => ({
  commonName: "localhost",
  hosts,
  notBefore: new Date(Date.now() - day),
  notAfter: new Date(Date.now() + 30 * day),
  ...options,
});

/** A CA of its own for each call: a certificate of one is a stranger to all others. */
export function createAuthority(options: CertificateOptions = {}): CertificateAuthority {
  const own = complete({ commonName: "Postern test CA", ...options }, []);
  const { privateKey, certificate, key } = make(own, true, null);
  return {
    certificate,
    key,
    issue(wanted = {}) {
      const made = make(complete(wanted, ["localhost", "127.0.0.1"]), false, {
        name: own.commonName,
        key: privateKey,
      });
      return { certificate: made.certificate, key: made.key };
    },
  };
}
