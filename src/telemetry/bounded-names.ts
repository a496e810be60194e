// Keeps the number of different values of a label bounded, whatever callers come up with. Pure state, no input or output.
import { otherValue } from "../kernel/meter.ts";

/** Names that are known beforehand, and so many others. */
export class BoundedNames {
  readonly #known: Set<string>;
  readonly #max: number;

  /** @param room How many names other than the known ones are kept apart. */
  constructor(known: Iterable<string>, room: number) {
    this.#known = new Set(known);
    this.#max = this.#known.size + room;
  }

  /** The name itself, taking up room where it is new; `other` when there is none left. */
  admit(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= this.#max) return otherValue;
    this.#known.add(name);
    return name;
  }

  /** The name itself where it has been admitted or was known; `other` for the rest. */
  find(name: string): string {
    return this.#known.has(name) ? name : otherValue;
  }
}
