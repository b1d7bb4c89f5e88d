/**
 * A bounded map that forgets what was not asked for lately. Two generations: a full one becomes the old one, and
 * what is asked for moves to the young one; so a hit costs one look-up.
 */
export class TextCache<T> {
  private young = new Map<string, T>();
  private old: ReadonlyMap<string, T> = new Map();
  private length = 0;

  /** Of each generation. `lengthMax`: of its keys together, in UTF-16 code units. */
  constructor(private readonly bounds: { readonly entriesMax: number; readonly lengthMax: number }) {}

  get(key: string): T | undefined {
    const found = this.young.get(key);
    if (found !== undefined) return found;
    const older = this.old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: T): void {
    if (this.young.size >= this.bounds.entriesMax || this.length + key.length > this.bounds.lengthMax) {
      this.old = this.young;
      this.young = new Map();
      this.length = 0;
    }
    this.young.set(key, value);
    this.length += key.length;
  }
}
