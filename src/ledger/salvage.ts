// Finds the undamaged entries of a damaged bundle, pure: the leaf hashes of the tree say which bytes are right, so a
// flipped length costs nothing and a flipped content byte costs its own entry only.
import { hashBytes, leafHash } from "./merkle.ts";
import { entryBytes, frameEntry, lengthBytes } from "./tiles.ts";

const [openBrace, closeBrace] = [0x7b, 0x7d];

/** For each hash of a level-0 tile the entry (length-prefixed) that has it, or undefined when its bytes are lost. */
export function salvage(bundle: Buffer, tile: Buffer): (Buffer | undefined)[] {
  const width = tile.length / hashBytes;
  const expected = (index: number): string => tile.toString("hex", index * hashBytes, (index + 1) * hashBytes);
  const places = new Map(Array.from({ length: width }, (_, index) => [expected(index), index]));
  const found: (Buffer | undefined)[] = Array.from({ length: width }, () => undefined);
  let [at, next] = [0, 0];
  while (at + lengthBytes <= bundle.length && next < width) {
    const place = placeOf(bundle, at, places);
    if (place !== undefined) {
      found[place.index] = place.entry;
      [at, next] = [place.end, place.index + 1];
      continue;
    }
    const resumed = resume(bundle, at + lengthBytes, places);
    // Between here and the next good entry lies at least one bad one; its content may still be whole.
    const content = bundle.subarray(at + lengthBytes, resumed);
    if (leafHash(content).toString("hex") === expected(next)) found[next] = frameEntry(content);
    at = resumed;
    next++;
  }
  return found;
}

/** The entry at `at`, if it is one that the tree knows. */
function placeOf(bundle: Buffer, at: number, places: ReadonlyMap<string, number>) {
  const end = at + lengthBytes + bundle.readUInt16BE(at);
  if (end > bundle.length) return undefined;
  const entry = bundle.subarray(at, end);
  const index = places.get(leafHash(entryBytes(entry)).toString("hex"));
  return index === undefined ? undefined : { index, entry, end };
}

/** Where the next good entry begins at or after `from`; the bundle's end when there is none. */
function resume(bundle: Buffer, from: number, places: ReadonlyMap<string, number>): number {
  for (let at = from; at + lengthBytes < bundle.length; at++) {
    if (bundle[at + lengthBytes] !== openBrace) continue;
    const end = at + lengthBytes + bundle.readUInt16BE(at);
    if (end <= bundle.length && bundle[end - 1] === closeBrace && placeOf(bundle, at, places)) return at;
  }
  return bundle.length;
}
