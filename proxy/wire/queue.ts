/** First in, first out, in constant time: pipelines may be thousands of messages deep. */
export class Queue<T> {
  #items: (T | undefined)[] = [];
  #from = 0;

  get length(): number {
    return this.#items.length - this.#from;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  first(): T | undefined {
    return this.#items[this.#from];
  }

  shift(): T | undefined {
    const item = this.#items[this.#from];
    if (this.#from === this.#items.length) return undefined;
    this.#items[this.#from++] = undefined;
    if (this.#from === this.#items.length) {
      this.#items = [];
      this.#from = 0;
    } else if (this.#from >= 64 && this.#from * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#from);
      this.#from = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let at = this.#from; at < this.#items.length; at++) yield this.#items[at] as T;
  }
}
