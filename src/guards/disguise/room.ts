// How much hidden text one call may have the guards look at. Without a bound a small call could hold much, for compressed
// bytes grow a thousandfold, and encodings stand in each other.

/** Decoded characters that any call may have looked at: a compressed log of a megabyte, or a page in base64 many times. */
const freeChars = 1_048_576;
/** Decoded characters for each character of the call's own texts: text that stands three times in base64 needs two. */
const growth = 3;
/** Most decoded characters of one call, some seconds of work: about what the largest body holds as base64. */
export const mostDecodedChars = 32 * 1_048_576;
/** Most bytes that one compressed stretch may grow to, and in a text that is looked at in one go. */
const mostInflatedBytes = 1_048_576;
const mostInflatedAtOnce = 65_536;

/** What is left to decode. */
export class DecodingRoom {
  /** Whether more would have been decoded than there was room for: the rest was not looked at. */
  isOver = false;
  /** Whether something was too large to be decoded in one go. */
  isCut = false;
  /** Whether a text is looked at in one go. */
  isAtOnce = false;
  #left = freeChars;
  #given = freeChars;

  /** Makes room for what a text of the call may hold. */
  grow(chars: number): void {
    const more = Math.min(growth * chars, mostDecodedChars - this.#given);
    this.#given += more;
    this.#left += more;
  }

  /** Takes room for decoded text; false when there is not enough, now and from here on. */
  take(chars: number): boolean {
    this.#left -= chars;
    if (this.#left < 0) this.isOver = true;
    return !this.isOver;
  }

  /** How large compressed bytes may grow. */
  get inflatable(): number {
    return Math.max(1, Math.min(this.isAtOnce ? mostInflatedAtOnce : mostInflatedBytes, this.#left));
  }

  /** Compressed bytes grew beyond that. */
  outgrown(): void {
    this.take(this.inflatable);
    if (this.isAtOnce) this.isCut = true;
    else this.isOver = true;
  }

  /** Whether something was not looked at. */
  get isIncomplete(): boolean {
    return this.isOver || this.isCut;
  }
}

/** Room for a text that is looked at by itself. */
export function roomFor(text: string): DecodingRoom {
  const room = new DecodingRoom();
  room.grow(text.length);
  return room;
}
