// What is under way at a moment, in no order. A Set would do, but for what it leaves behind under constant coming and going: the
// engine makes a new table now and then, and the old one, which still holds what was in it, points to the new one. Once one such
// table has grown old, all of them, and every call that ever stood in one, wait for the next collection of the whole heap.

/** Something that can be in a bag. */
export interface Baggable {
  /** Where it is in its bag; the bag's own, and -1 outside. */
  place: number;
}

/** A bag of things, each of them in it at most once and in no other. Putting in and taking out take constant time. */
export class Bag<Item extends Baggable> implements Iterable<Item> {
  readonly #items: Item[] = [];

  /** How many things are in it. */
  get size(): number {
    return this.#items.length;
  }

  /** Puts something in that is in no bag. */
  put(item: Item): void {
    item.place = this.#items.length;
    this.#items.push(item);
  }

  /** Takes something out; nothing happens when it is out already. */
  take(item: Item): void {
    const { place } = item;
    const last = this.#items.at(-1);
    if (place < 0 || last === undefined) return;
    this.#items[place] = last;
    last.place = place;
    this.#items.pop();
    item.place = -1;
  }

  /** What is in it now, whatever is put in or taken out meanwhile. */
  [Symbol.iterator](): Iterator<Item> {
    return this.#items.slice().values();
  }
}
