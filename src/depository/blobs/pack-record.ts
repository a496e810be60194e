// One record of a pack segment: a fixed header that says whose bytes follow, how many and what they hash to.
// A segment can therefore be scanned, scrubbed and attributed without the database.
//
// Header, 112 bytes, integers big endian:
//   0   8  magic "CHRTBLB1"
//   8   4  length of the content in bytes
//  12  32  SHA-256 of the content
//  44  64  product name, ASCII, padded with zero bytes
// 108   4  CRC-32 (zlib's polynomial, ISO 3309) of bytes 0 to 107
import { crc32 } from "node:zlib";
import type { Digest } from "../../kernel/hash.ts";

/** Bytes before the content of every record. */
export const recordHeaderBytes = 112;

const magic = Buffer.from("CHRTBLB1", "latin1");
const productBytes = 64;
const crcOffset = 108;

/** What a record's header says. */
export interface RecordHeader {
  readonly product: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** The header of a record; `product` must be at most 64 ASCII characters. */
export function encodeHeader(header: RecordHeader): Buffer {
  const bytes = Buffer.alloc(recordHeaderBytes);
  magic.copy(bytes, 0);
  bytes.writeUInt32BE(header.sizeBytes, 8);
  bytes.write(header.digest.slice("sha256:".length), 12, "hex");
  bytes.write(header.product, 44, productBytes, "latin1");
  bytes.writeUInt32BE(crc32(bytes.subarray(0, crcOffset)), crcOffset);
  return bytes;
}

/** The header at the start of `bytes`, or undefined when there is none or it was altered. */
export function decodeHeader(bytes: Buffer): RecordHeader | undefined {
  if (bytes.length < recordHeaderBytes || !bytes.subarray(0, magic.length).equals(magic)) return undefined;
  if (bytes.readUInt32BE(crcOffset) !== crc32(bytes.subarray(0, crcOffset))) return undefined;
  const name = bytes.subarray(44, 44 + productBytes);
  const end = name.indexOf(0);
  return {
    product: name.toString("latin1", 0, end === -1 ? productBytes : end),
    digest: `sha256:${bytes.toString("hex", 12, 44)}`,
    sizeBytes: bytes.readUInt32BE(8),
  };
}

/** Where a packed blob lies: its segment's number, the offset of its header, the length of its content. */
export interface PackAddress {
  readonly segment: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** An address as the location that rows keep: `pack:<segment>:<offset>:<length>`. */
export function packLocation(address: PackAddress): string {
  return `pack:${address.segment}:${address.offset}:${address.sizeBytes}`;
}

/** The address a location names, or undefined when it names none. */
export function packAddress(location: string): PackAddress | undefined {
  const match = /^pack:(\d{1,8}):(\d{1,15}):(\d{1,10})$/.exec(location);
  if (!match) return undefined;
  return { segment: Number(match[1]), offset: Number(match[2]), sizeBytes: Number(match[3]) };
}
