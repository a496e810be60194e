// Journal frames, pure: one frame is one commit, entries and signed checkpoint together. The header has a checksum of
// its own, so that a flipped length is seen as damage and only a frame cut short by a crash reads as torn.
//
// A file system that lost power may also show a write that it never finished as zeros up to the end of the file. No
// acknowledged frame looks like that, because its body holds no zeros but those of lengths and its note ends in a
// newline, so such a frame is torn, too. Zeroing that end hides no more than cutting it off would.
//
//   magic "CLJ1" | first index u64 | entries u32 | bytes of entries u32 | bytes of note u32 | CRC-32 of the header u32
//   entries, each with its uint16 length | checkpoint note | CRC-32 of everything before it u32
import { crc32 } from "node:zlib";
import { splitBundle } from "./tiles.ts";

const magic = Buffer.from("CLJ1");
const headerBytes = 28;
const crcBytes = 4;

/** One commit as the journal holds it. */
export interface Frame {
  /** Index of the first entry. */
  readonly first: number;
  /** Entries with their length prefixes. */
  readonly entries: readonly Buffer[];
  /** The signed checkpoint of the tree that ends with these entries. */
  readonly note: string;
}

/** The bytes of a frame. */
export function encodeFrame({ first, entries, note }: Frame): Buffer {
  const entriesBytes = entries.reduce((sum, entry) => sum + entry.length, 0);
  const noteBytes = Buffer.byteLength(note);
  const bytes = Buffer.allocUnsafe(headerBytes + entriesBytes + noteBytes + crcBytes);
  bytes.set(magic);
  bytes.writeBigUInt64BE(BigInt(first), 4);
  bytes.writeUInt32BE(entries.length, 12);
  bytes.writeUInt32BE(entriesBytes, 16);
  bytes.writeUInt32BE(noteBytes, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, headerBytes - crcBytes)), headerBytes - crcBytes);
  let at = headerBytes;
  for (const entry of entries) {
    bytes.set(entry, at);
    at += entry.length;
  }
  at += bytes.write(note, at);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, at)), at);
  return bytes;
}

/** What stands at one place of a journal segment. */
export type FrameRead =
  | { readonly state: "frame"; readonly frame: Frame; readonly end: number }
  | { readonly state: "end" }
  /** Fewer bytes than the frame announces, or zeros in their place: the write was cut short. */
  | { readonly state: "torn" }
  | { readonly state: "damaged"; readonly reason: string };

/** Reads the frame at `at`. */
export function readFrame(segment: Buffer, at: number): FrameRead {
  if (at === segment.length) return { state: "end" };
  if (segment.length - at < headerBytes) return { state: "torn" };
  const header = headerAt(segment, at);
  if (header === undefined) {
    if (isZeroFrom(segment, at + headerBytes)) return { state: "torn" };
    return { state: "damaged", reason: "a frame header of the journal is damaged" };
  }
  const entriesEnd = at + headerBytes + header.entriesBytes;
  const noteEnd = entriesEnd + header.noteBytes;
  if (noteEnd + crcBytes > segment.length) return { state: "torn" };
  if (segment.readUInt32BE(noteEnd) !== crc32(segment.subarray(at, noteEnd))) {
    if (isZeroFrom(segment, noteEnd - 1)) return { state: "torn" };
    return { state: "damaged", reason: "a frame of the journal is damaged" };
  }
  const entries = splitBundle(segment.subarray(at + headerBytes, entriesEnd), header.count);
  if (entries === undefined) return { state: "damaged", reason: "a frame of the journal is malformed" };
  const note = segment.toString("utf8", entriesEnd, noteEnd);
  return {
    state: "frame",
    frame: { first: header.first, entries, note },
    end: noteEnd + crcBytes,
  };
}

/** The header at `at`; undefined when there is none that is whole. */
function headerAt(segment: Buffer, at: number) {
  const bytes = segment.subarray(at, at + headerBytes);
  if (bytes.length < headerBytes || !bytes.subarray(0, magic.length).equals(magic)) return undefined;
  const sum = bytes.readUInt32BE(headerBytes - crcBytes);
  if (sum !== crc32(bytes.subarray(0, headerBytes - crcBytes))) return undefined;
  const [count, entriesBytes, noteBytes] = [bytes.readUInt32BE(12), bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  return { first: Number(bytes.readBigUInt64BE(4)), count, entriesBytes, noteBytes };
}

/** The highest number of entries that any whole frame header in these bytes speaks of, wherever it stands; 0 for none. */
export function announcedEntries(segment: Buffer): number {
  let most = 0;
  for (let at = segment.indexOf(magic); at >= 0; at = segment.indexOf(magic, at + 1)) {
    const header = headerAt(segment, at);
    if (header !== undefined) most = Math.max(most, header.first + header.count);
  }
  return most;
}

/** Whether nothing but zeros follows. */
function isZeroFrom(segment: Buffer, at: number): boolean {
  return segment.subarray(at).every((byte) => byte === 0);
}
