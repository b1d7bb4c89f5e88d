/** Numbers, spans of time and clock times as text. */

/** `4:07`, `1 h 12 min`, `2 d 3 h`; never below zero. For what is left. */
export function left(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`;
  return coarse(seconds);
}

/** `0.4 ms`, `38 ms`, `2.1 s`, `4 min 7 s`, `1 h 12 min`. For what was measured. */
export function duration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return coarse(seconds);
}

function coarse(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/** `+00:04.120`, `+1:02:11.003`: since the session began. */
export function offset(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor(whole / 60_000) % 60;
  const seconds = Math.floor(whole / 1000) % 60;
  const tail = `${pad(minutes)}:${pad(seconds)}.${String(whole % 1000).padStart(3, "0")}`;
  return hours > 0 ? `+${hours}:${tail}` : `+${tail}`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}

const wholeHour = (hour: number): string => `${pad(((hour % 24) + 24) % 24)}:00`;

/** `03:00–04:00`: the hour of the day in which this moment is. */
export function hourOf(at: number): string {
  const hour = new Date(at).getHours();
  return `${wholeHour(hour)}–${wholeHour(hour + 1)}`;
}

/** `9–12, 14–18`: stretches of the day, of the hours (0 to 23, ascending) that are in them. */
export function hoursText(hours: readonly number[]): string {
  const stretches: { from: number; to: number }[] = [];
  for (const hour of hours) {
    const last = stretches.at(-1);
    // An hour between two is no pause.
    if (last !== undefined && hour - last.to <= 1) last.to = hour + 1;
    else stretches.push({ from: hour, to: hour + 1 });
  }
  const [first] = stretches;
  const last = stretches.at(-1);
  if (first !== undefined && last !== undefined && first !== last && first.from + 24 - last.to <= 1) {
    // Over midnight.
    first.from = last.from;
    stretches.pop();
  }
  return stretches.map(({ from, to }) => `${from}–${to}`).join(", ");
}

const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const zoneFormat = new Intl.DateTimeFormat(undefined, { timeZoneName: "longOffset" });

export function clock(at: number): string {
  return clockFormat.format(at);
}

/** With the day where it is not today's. */
export function moment(at: number, today: number): string {
  const sameDay = new Date(at).toDateString() === new Date(today).toDateString();
  return sameDay ? clock(at) : `${dayFormat.format(at)}, ${clock(at)}`;
}

/** `Europe/Berlin, GMT+02:00` */
export function zone(): string {
  const part = zoneFormat.formatToParts().find(({ type }) => type === "timeZoneName")?.value ?? "";
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone}, ${part}`;
}

const numberFormat = new Intl.NumberFormat();

export function count(number: number): string {
  return numberFormat.format(number);
}

/** `1 row`, `12 rows` */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function bytes(size: number): string {
  if (size < 1000) return counted(size, "byte");
  if (size < 1_000_000) return `${(size / 1000).toFixed(1)} kB`;
  return `${(size / 1_000_000).toFixed(1)} MB`;
}

/** `a`, `a and b`, `a, b and c` */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words[0] ?? "";
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Distinct verbs in the order in which they come: `UPDATE`, `BEGIN and UPDATE`. */
export function verbList(verbs: readonly string[]): string {
  return listed([...new Set(verbs)]) || "a statement";
}

/** `public.customers and 2 more` */
export function tableList(tables: readonly { schema: string; name: string }[]): string {
  const names = [...new Set(tables.map(({ schema, name }) => schema ? `${schema}.${name}` : name))];
  return names.length > 2 ? `${names[0]} and ${names.length - 1} more tables` : listed(names);
}
