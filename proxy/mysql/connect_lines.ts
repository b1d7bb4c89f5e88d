/** How the stock clients of MySQL and MariaDB, drivers and GUIs connect. */
import type { ConnectLine, ConnectRequest } from "../protocol.ts";
import { shellWord, urlHost } from "../wire/connect_words.ts";

export function connectLines(request: ConnectRequest): readonly ConnectLine[] {
  const { password } = request;
  if (password === null) {
    const label = (client: string) =>
      `${client}, sign-in by the link in its first error: open it, run this again`;
    return clients(request).map(({ name, line }) => ({ label: label(name), line }));
  }
  const secret = `MYSQL_PWD=${shellWord(password)}`;
  return [
    ...clients(request).map(({ name, line }) => ({ label: name, line: `${secret} ${line}` })),
    { label: "URL for GUIs and drivers", line: uri(request, password) },
    { label: "JDBC URL", line: jdbc(request, password) },
  ];
}

const clients = (request: ConnectRequest): { name: string; line: string }[] =>
  clientWords(request).map(({ name, words }) => ({ name, line: [name, ...words].map(shellWord).join(" ") }));

/** The arguments without a password. The two clients name their TLS option differently. */
export function clientWords(
  { host, port, user, target, tls }: ConnectRequest,
): { name: string; words: string[] }[] {
  const words = ["-h", host, "-P", String(port), "-u", user];
  // For this very name the clients would take a socket file, and leave the port aside.
  if (host === "localhost") words.push("--protocol=tcp");
  const wordsFor = (name: string, option: string) => ({
    name,
    words: [...words, ...(tls === "none" ? [] : [option]), target],
  });
  return [wordsFor("mariadb", "--ssl"), wordsFor("mysql", "--ssl-mode=REQUIRED")];
}

const placeOf = ({ host, port, target }: ConnectRequest): string =>
  `${urlHost(host)}:${port}/${encodeURIComponent(target)}`;

function uri(request: ConnectRequest, password: string): string {
  const who = `${encodeURIComponent(request.user)}:${encodeURIComponent(password)}`;
  const mode = request.tls === "none" ? "" : "?ssl-mode=REQUIRED";
  return `mysql://${who}@${placeOf(request)}${mode}`;
}

/**
 * The target stands in the user, and no schema is named: the driver asks for tables by the schema that the URL
 * names, so that must not be the target's name. The `@` stays as it is, since MariaDB's driver decodes nothing.
 */
function jdbc(request: ConnectRequest, password: string): string {
  const { host, port, user, target, tls } = request;
  const who = `${encodeURIComponent(user)}@${encodeURIComponent(target)}`;
  const mode = tls === "none" ? "" : "&sslMode=REQUIRED";
  return `jdbc:mysql://${urlHost(host)}:${port}/?user=${who}&password=${encodeURIComponent(password)}${mode}`;
}
