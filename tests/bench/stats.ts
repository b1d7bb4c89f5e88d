/** What the benches have in common. */

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

export const residentMiB = (): string => (Deno.memoryUsage().rss / 2 ** 20).toFixed(0);
