/** How psql, drivers and GUIs connect: libpq's environment, keywords and connection URIs. */
import type { ConnectLine, ConnectRequest } from "../protocol.ts";
import { shellWord, urlHost } from "../wire/connect_words.ts";

export function connectLines(request: ConnectRequest): readonly ConnectLine[] {
  const { password } = request;
  const psql = `psql ${shellWord(keywords(request))}`;
  if (password === null) return [{ label: "psql, sign-in by the link that it prints", line: psql }];
  return [
    { label: "psql", line: `PGPASSWORD=${shellWord(password)} ${psql}` },
    { label: "URL for GUIs and drivers", line: uri(request, password) },
  ];
}

/** Without TLS nothing is said: libpq tries it first by itself. */
const encrypted = ({ tls }: ConnectRequest): boolean => tls !== "none";

/** libpq's keyword/value string, without a password. */
export function keywords(request: ConnectRequest): string {
  const { host, port, user, target } = request;
  const pairs = Object.entries({ host, port: String(port), user, dbname: target });
  if (encrypted(request)) pairs.push(["sslmode", "require"]);
  return pairs.map(([name, value]) => `${name}=${keywordValue(value)}`).join(" ");
}

/** Of libpq's keyword/value strings: quoted where it is empty or has spaces, quotes or backslashes. */
function keywordValue(value: string): string {
  return /^[^\s'\\]+$/.test(value) ? value : `'${value.replace(/['\\]/g, "\\$&")}'`;
}

function uri(request: ConnectRequest, password: string): string {
  const { host, port, user, target } = request;
  const who = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  const mode = encrypted(request) ? "?sslmode=require" : "";
  return `postgresql://${who}@${urlHost(host)}:${port}/${encodeURIComponent(target)}${mode}`;
}
