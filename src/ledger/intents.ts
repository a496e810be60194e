// Finds intents that no outcome closes, by looking at bytes instead of parsing JSON. In a canonical leaf of either format the
// last `"kind":"..."` is the leaf's own: a quote inside a JSON string is always escaped, and every field that holds names of
// its own (`call`, `decision`, `facts`, `finding`) is sorted before `kind`. An outcome's link stands directly before it
// (`"intent":12,"kind":"outcome"`), because no field is sorted in between.

const kind = Buffer.from('"kind":"');
const intentKey = Buffer.from('"intent":');
const [letterI, letterO, zero, nine] = [0x69, 0x6f, 0x30, 0x39];

/** The intents seen so far that have no outcome. */
export class OpenIntents {
  readonly #open = new Set<number>();

  /** Takes note of one entry. */
  observe(index: number, entry: Buffer): void {
    const at = entry.lastIndexOf(kind);
    if (at < 0) return;
    const first = entry[at + kind.length];
    if (first === letterI) this.#open.add(index);
    if (first === letterO) this.#close(entry, at);
  }

  #close(entry: Buffer, kindAt: number): void {
    const end = kindAt - 1;
    let begin = end;
    const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= zero && byte <= nine;
    while (begin > 0 && isDigit(entry[begin - 1])) begin--;
    const keyAt = begin - intentKey.length;
    if (begin === end || keyAt < 0 || entry.compare(intentKey, 0, intentKey.length, keyAt, begin) !== 0) return;
    this.#open.delete(Number(entry.toString("latin1", begin, end)));
  }

  /** Indexes of the open intents, oldest first. */
  indexes(): number[] {
    return [...this.#open].toSorted((left, right) => left - right);
  }
}
