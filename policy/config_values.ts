/** Values that config is made of: addresses, durations, sizes, secrets, PEM files, patterns. All zod schemas. */
import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { inspect } from "node:util";
import { z } from "zod";
import { splitName } from "./glob.ts";
import { addressMatcher } from "./rules.ts";
import { secretFromCommand } from "./secret_command.ts";

/** Where references lead. `readFile` throws where there is nothing to read; `env` gives undefined. */
export interface Sources {
  /** The config file's own path: relative paths start at its folder. */
  readonly file: string;
  readonly env: (name: string) => string | undefined;
  readonly readFile: (path: string) => string;
}

/** A text that prints as `***` wherever it is logged, serialised or inspected. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "***";
  }

  toJSON(): string {
    return "***";
  }

  [inspect.custom](): string {
    return "***";
  }

  [Symbol.for("Deno.customInspect")](): string {
    return "***";
  }
}

// zod has no way to hand a context to transforms, and schemas are built before a config is read. Parsing is
// synchronous, so the sources of the parse under way can stand here.
let sources: Sources | null = null;

/** Runs `parse` with references read from `from`. */
export function withSources<T>(from: Sources, parse: () => T): T {
  const before = sources;
  sources = from;
  try {
    return parse();
  } finally {
    sources = before;
  }
}

const fileBytesMax = 1024 * 1024;
const envName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const howTo = "write { env: NAME }, { file: PATH } or { command: NAME }";

const reference = z.union([
  z.strictObject({ env: z.string() }),
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ command: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/) }),
], {
  error: ({ input }) =>
    input === undefined
      ? "is required"
      : typeof input === "string"
      ? `must not stand in the config: ${howTo}`
      : howTo,
});

type Reference = z.infer<typeof reference>;

/** The text that a reference leads to, or a sentence about why there is none. */
function resolveReference(from: Reference): { text: string } | { problem: string } {
  if (sources === null) return { problem: "cannot be resolved here" };
  if ("env" in from) {
    if (!envName.test(from.env)) return { problem: "env must be the name of an environment variable" };
    const text = sources.env(from.env);
    if (text === undefined) return { problem: `the environment variable ${from.env} is not set` };
    return text === "" ? { problem: `the environment variable ${from.env} is empty` } : { text };
  }
  if ("command" in from) return secretFromCommand(from.command);
  if (from.file.includes("\0")) return { problem: "file must be a path" };
  const path = resolve(dirname(sources.file), from.file);
  let text: string;
  try {
    text = sources.readFile(path);
  } catch (error) {
    const missing = (error as { code?: string; name?: string } | null)?.name === "NotFound" ||
      (error as { code?: string } | null)?.code === "ENOENT";
    return { problem: missing ? `the file ${path} does not exist` : `the file ${path} cannot be read` };
  }
  if (Buffer.byteLength(text) > fileBytesMax) return { problem: `the file ${path} is larger than 1 MB` };
  return text.trim() === "" ? { problem: `the file ${path} is empty` } : { text };
}

/** A password or key: `{env: NAME}`, `{file: path}` or `{command: NAME}`, see secret_command.ts. One line end at the end of a file does not count. */
export const secret: z.ZodType<Secret> = reference.transform((from, context) => {
  const found = resolveReference(from);
  if ("text" in found) return new Secret("file" in from ? found.text.replace(/\r?\n$/, "") : found.text);
  context.addIssue({ code: "custom", message: found.problem });
  return z.NEVER;
}).meta({ format: "secret" });

const pemLabels = { certificate: /^(?:X509 |TRUSTED )?CERTIFICATE$/, key: /^(?:[A-Z0-9]+ )*PRIVATE KEY$/ };

function pemText(label: keyof typeof pemLabels) {
  return reference.transform((from, context) => {
    const found = resolveReference(from);
    const problem = "problem" in found ? found.problem : pemProblem(found.text, label);
    if (problem === null && "text" in found) return found.text;
    context.addIssue({ code: "custom", message: problem ?? "cannot be read" });
    return z.NEVER;
  }).meta({ format: label });
}

function pemProblem(text: string, label: keyof typeof pemLabels): string | null {
  const labels = Array.from(
    text.matchAll(/^-----BEGIN ([A-Z0-9 ]{1,60})-----\s*$/gm),
    (match) => match[1] ?? "",
  );
  const what = label === "key" ? "private key" : "certificate";
  if (!labels.some((one) => pemLabels[label].test(one))) return `holds no ${what} in PEM form`;
  if (label === "key" && labels.includes("ENCRYPTED PRIVATE KEY")) {
    return "is an encrypted private key; store it without a passphrase, readable by Postern alone";
  }
  return null;
}

/** PEM of a certificate, or of a chain or bundle of them. */
export const certificate: z.ZodType<string> = pemText("certificate");

/** PEM of a private key. */
export const privateKey: z.ZodType<Secret> = pemText("key").transform((text) => new Secret(text))
  .meta({ format: "key" });

/** Whether the key is that of the certificate, the first one where there is a chain. */
export function pairFits(tls: { certificate: string; key: Secret }): boolean {
  try {
    return new X509Certificate(tls.certificate).checkPrivateKey(createPrivateKey(tls.key.reveal()));
  } catch {
    return false;
  }
}

/** What a TLS listener needs, with `more` keys beside it. */
export function tlsPair<T extends z.ZodRawShape>(more: T) {
  return z.strictObject({ certificate, key: privateKey, ...more }).refine(
    (tls) => pairFits(tls as unknown as { certificate: string; key: Secret }),
    { error: "must be a certificate and its own key; these two do not belong together", path: ["key"] },
  );
}

/** `host:port`, `[v6]:port`, or `:port` for every address of this machine. Port 0 lets the system choose. */
export const address = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]*)):(\d{1,5})$/.exec(text);
  const [, v6, name, digits] = match ?? [];
  const port = Number(digits);
  if (match === null || port > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) {
    context.addIssue({
      code: "custom",
      message: "must be an address and a port, as in 127.0.0.1:6432 or [::1]:6432",
    });
    return z.NEVER;
  }
  const host = v6 ?? name ?? "";
  return { host: host === "" ? "::" : host, port };
}).meta({ format: "address" });

const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30s`, `15m`, `8h`, `2d` -> milliseconds, within bounds that are given as durations too. */
export function duration(least: string, most: string) {
  const [min, max] = [durationMs(least) ?? 0, durationMs(most) ?? 0];
  return z.union([z.string(), z.number()], { error: "must be a duration, as in 30s, 15m or 8h" })
    .transform((text, context) => {
      const ms = typeof text === "number" ? null : durationMs(text);
      if (ms !== null && ms >= min && ms <= max) return ms;
      const message = ms === null
        ? "must be a duration with its unit, as in 30s, 15m or 8h"
        : `must be from ${least} to ${most}`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    }).meta({ format: "duration", range: `${least} to ${most}` });
}

function durationMs(text: string): number | null {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  return match === null ? null : Number(match[1]) * unitsMs[match[2] as keyof typeof unitsMs];
}

const unitsBytes = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** `64KB`, `10MB` -> bytes; a KB is 1024 bytes. */
export function size(least: string, most: string) {
  const [min, max] = [sizeBytes(least) ?? 0, sizeBytes(most) ?? 0];
  return z.string({ error: "must be a size with its unit, as in 64KB or 10MB" }).transform(
    (text, context) => {
      const bytes = sizeBytes(text);
      if (bytes !== null && bytes >= min && bytes <= max) return bytes;
      const message = bytes === null
        ? "must be a size with its unit, as in 64KB or 10MB"
        : `must be from ${least} to ${most}`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    },
  ).meta({ format: "size", range: `${least} to ${most}` });
}

/** How much of one message's results a client gets. */
export const resultLimits = {
  resultRows: z.int().min(1).max(1_000_000_000_000),
  resultBytes: size("1KB", "1048576GB"),
};

function sizeBytes(text: string): number | null {
  const match = /^(\d{1,9})(B|KB|MB|GB)$/.exec(text);
  return match === null ? null : Number(match[1]) * unitsBytes[match[2] as keyof typeof unitsBytes];
}

// Clouds answer on these with credentials of the machine; no database or issuer is there.
export const metadataAddress = addressMatcher(
  ["169.254.0.0/16", "fe80::/10", "fd00:ec2::254", "100.100.100.200", "0.0.0.0/8"],
  false,
);

function hostProblem(host: string): string | null {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (metadataAddress(name) || name === "metadata.google.internal" || name === "metadata") {
    return "is an address of the machine's own metadata, which Postern never connects to";
  }
  if (isIP(host) !== 0 || /^(?!-)[a-zA-Z0-9_-]{1,63}(?:\.[a-zA-Z0-9_-]{1,63}){0,20}\.?$/.test(host)) {
    return null;
  }
  return "must be a host name or an IP address, without a port";
}

/** A host to connect to. */
export const host = z.string().superRefine((text, context) => {
  const message = hostProblem(text);
  if (message !== null) context.addIssue({ code: "custom", message });
});

/** An https URL without credentials, query or fragment; http only for this machine itself. */
export const httpsUrl = z.string().superRefine((text, context) => {
  const url = URL.parse(text);
  const complain = (message: string) => context.addIssue({ code: "custom", message });
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return complain("must be a URL, as in https://login.example.com");
  }
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const own = name === "localhost" || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
  if (url.protocol === "http:" && !own) return complain("must be https: http is for this machine only");
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return complain("must be a URL without user, query or fragment");
  }
  const problem = hostProblem(name);
  if (problem !== null) complain(problem);
});

/** `*` or as many parts as `form` shows, each with globs: `*.customers.ssn`. */
export function namePattern(form: "schema.table" | "schema.table.column" | "schema.function", lone = true) {
  const count = splitName(form).length;
  return z.string().superRefine((text, context) => {
    if (lone && text === "*") return;
    const parts = splitName(text);
    if (parts.length === count && parts.every((part) => part !== "")) return;
    const example = form.split(".").map((part, at) => at === 0 ? "*" : part).join(".");
    const message = `must be ${form}, where * stands for anything: write ${example} for any schema`;
    context.addIssue({ code: "custom", message });
  });
}

/** An IP address or a CIDR range of them. */
export const addressRange = z.string().superRefine((text, context) => {
  const [ip = "", bits, ...more] = text.split("/");
  const version = isIP(ip);
  const width = version === 6 ? 128 : 32;
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width);
  if (version !== 0 && fits && more.length === 0) return;
  context.addIssue({ code: "custom", message: "must be an IP address or a range, as in 10.0.0.0/8" });
});

/** Names of groups at the identity provider. */
export const groupNames = z.array(z.string().min(1));
