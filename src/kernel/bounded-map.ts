// A map of bounded weight that drops what was used longest ago.

/**
 * Keeps values up to a total weight; each weighs 1 unless a weight is given, so that the bound is a count. Values are not
 * `undefined`, which stands for "not there". Every operation takes constant time, apart from what `set` drops.
 */
export class BoundedMap<K, V> {
  readonly #max: number;
  readonly #weightOf: (value: V) => number;
  /** The one used longest ago first. */
  readonly #values = new Map<K, V>();
  #weight = 0;
  /** The key used last: to use it again moves nothing. */
  #last: K | undefined;

  /**
   * @param max Largest weight of all values together.
   * @param weightOf The weight of a value, the same whenever it is asked for; in the unit of `max`, such as bytes.
   */
  constructor(max: number, weightOf: (value: V) => number = () => 1) {
    this.#max = max;
    this.#weightOf = weightOf;
  }

  /** How many values there are. */
  get size(): number {
    return this.#values.size;
  }

  /** The weight of all values together, at most `max`. */
  get weight(): number {
    return this.#weight;
  }

  /** The value of a key, which is then the one used last; undefined when there is none. */
  get(key: K): V | undefined {
    const value = this.#values.get(key);
    if (value !== undefined && key !== this.#last) {
      // A Map keeps the order of insertion.
      this.#values.delete(key);
      this.#values.set(key, value);
      this.#last = key;
    }
    return value;
  }

  /** Sets a value, which is then the one used last, and drops others until the weight fits. A value heavier than `max` is not kept. */
  set(key: K, value: V): void {
    this.delete(key);
    this.#values.set(key, value);
    this.#weight += this.#weightOf(value);
    this.#last = key;
    for (const oldest of this.#values.keys()) {
      if (this.#weight <= this.#max) break;
      this.delete(oldest);
    }
  }

  /** The value of a key; when there is none, what `make` gives is set first. What `make` throws passes, and nothing is set. */
  getOrMake(key: K, make: () => V): V {
    const known = this.get(key);
    if (known !== undefined) return known;
    const value = make();
    this.set(key, value);
    return value;
  }

  /** Drops one value; false when it was not there. */
  delete(key: K): boolean {
    const value = this.#values.get(key);
    if (value === undefined) return false;
    this.#weight -= this.#weightOf(value);
    return this.#values.delete(key);
  }

  /** Drops all values. */
  clear(): void {
    this.#values.clear();
    this.#weight = 0;
  }
}
