/** Words of the lines that people copy: quoted for a shell, or as they stand in a URL. */

/** One word of a POSIX shell, quoted only where it must be. */
export function shellWord(text: string): string {
  return /^[\w@%+:,./-][\w@%+:,./=-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A host name or address as a URL's authority has it: IPv6 in brackets. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
