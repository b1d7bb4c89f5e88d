/** A `Date` that goes wrong: by as many milliseconds as the first number of what is shared says. */
export function skewClock(skewMs: Int32Array): void {
  const RealDate = Date;
  const now = () => RealDate.now() + Atomics.load(skewMs, 0);
  globalThis.Date = class extends RealDate {
    constructor(...given: [] | [number]) {
      super(...(given.length === 0 ? [now()] as const : given));
    }
    static override now(): number {
      return now();
    }
  } as DateConstructor;
}
