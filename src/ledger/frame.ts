// Journal frames, pure: one frame is one commit, entries and signed checkpoint together. The header has a checksum of
// its own, so that a flipped length is seen as damage and only a frame cut short by a crash reads as torn.
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
  /** Fewer bytes than the frame announces: the write was cut short. */
  | { readonly state: "torn" }
  | { readonly state: "damaged"; readonly reason: string };

/** Reads the frame at `at`. */
export function readFrame(segment: Buffer, at: number): FrameRead {
  if (at === segment.length) return { state: "end" };
  if (segment.length - at < headerBytes) return { state: "torn" };
  const header = segment.subarray(at, at + headerBytes);
  const wholeHeader = header.readUInt32BE(headerBytes - crcBytes) === crc32(header.subarray(0, headerBytes - crcBytes));
  if (!wholeHeader || !header.subarray(0, magic.length).equals(magic)) {
    return { state: "damaged", reason: "a frame header of the journal is damaged" };
  }
  const entriesEnd = at + headerBytes + header.readUInt32BE(16);
  const noteEnd = entriesEnd + header.readUInt32BE(20);
  if (noteEnd + crcBytes > segment.length) return { state: "torn" };
  if (segment.readUInt32BE(noteEnd) !== crc32(segment.subarray(at, noteEnd))) {
    return { state: "damaged", reason: "a frame of the journal is damaged" };
  }
  const entries = splitBundle(segment.subarray(at + headerBytes, entriesEnd), header.readUInt32BE(12));
  if (entries === undefined) return { state: "damaged", reason: "a frame of the journal is malformed" };
  const note = segment.toString("utf8", entriesEnd, noteEnd);
  return {
    state: "frame",
    frame: { first: Number(header.readBigUInt64BE(4)), entries, note },
    end: noteEnd + crcBytes,
  };
}
