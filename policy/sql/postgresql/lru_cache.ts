/** A map that forgets what was not asked for longest. */
export class LruCache<T> {
  private readonly entries = new Map<string, T>();
  private length = 0;

  /** `lengthMax`: of all keys together, in UTF-16 code units. */
  constructor(private readonly bounds: { readonly entriesMax: number; readonly lengthMax: number }) {}

  get(key: string): T | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }

  set(key: string, value: T): void {
    if (this.entries.delete(key)) this.length -= key.length;
    this.entries.set(key, value);
    this.length += key.length;
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.bounds.entriesMax && this.length <= this.bounds.lengthMax) return;
      this.entries.delete(oldest);
      this.length -= oldest.length;
    }
  }
}
