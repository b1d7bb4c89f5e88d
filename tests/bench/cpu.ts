/** CPU time of this process, thread by thread, as the kernel counts it (Linux). */

const TICK_SECONDS = 0.01;

/** Seconds by thread; the name has the thread's number, since several share one. */
export function threadTimes(): Map<string, number> {
  const times = new Map<string, number>();
  for (const { name: id } of Deno.readDirSync("/proc/self/task")) {
    const text = Deno.readTextFileSync(`/proc/self/task/${id}/stat`);
    const end = text.lastIndexOf(")");
    const fields = text.slice(end + 2).split(" ");
    const seconds = (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS;
    times.set(`${text.slice(text.indexOf("(") + 1, end)} ${id}`, seconds);
  }
  return times;
}

/** What each thread used between the two, the busiest first, as text. */
export function usedBetween(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string {
  return [...after].map(([name, seconds]) => ({ name, used: seconds - (before.get(name) ?? 0) }))
    .filter(({ used }) => used >= 0.05).sort((a, b) => b.used - a.used)
    .map(({ name, used }) => `${name}: ${used.toFixed(2)} s`).join(", ");
}

/** All threads together. */
export function cpuSeconds(): number {
  return [...threadTimes().values()].reduce((sum, seconds) => sum + seconds, 0);
}

/** Of another process. */
export function cpuSecondsOf(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS;
}
