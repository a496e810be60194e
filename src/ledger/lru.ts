// A small cache that forgets what was used longest ago, bounded by bytes.

/** Keeps values up to a total size in bytes. */
export class Lru<V> {
  readonly #maxBytes: number;
  readonly #sizeOf: (value: V) => number;
  readonly #values = new Map<string, V>();
  #bytes = 0;

  constructor(maxBytes: number, sizeOf: (value: V) => number) {
    this.#maxBytes = maxBytes;
    this.#sizeOf = sizeOf;
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    // A Map keeps insertion order, so putting a value back makes it the youngest.
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    const old = this.#values.get(key);
    if (old !== undefined) this.#forget(key, old);
    this.#values.set(key, value);
    this.#bytes += this.#sizeOf(value);
    for (const [oldest, held] of this.#values) {
      if (this.#bytes <= this.#maxBytes || oldest === key) break;
      this.#forget(oldest, held);
    }
  }

  #forget(key: string, value: V): void {
    this.#values.delete(key);
    this.#bytes -= this.#sizeOf(value);
  }
}
