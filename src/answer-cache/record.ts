// One answer as bytes: what it is kept under, and the answer. Promises:
//
// 1. A record opens only under the address that it was sealed for. Partition, type, constitution and call are compared
//    one by one, not as a digest, so that neither a mix-up of keys nor a fault of a store shows an answer to others.
// 2. Any bytes whatever are either a record or none; opening never throws.
//
// Layout: `CA1\n`, four lengths (uint32, big endian), then head, reply, pieces and body. Head, reply and pieces are JSON.
import type { Reply, StreamEvent, Usage } from "../models/index.ts";
import { differenceOf } from "./address.ts";
import type { Address, AddressParts } from "./address.ts";
import type { Answer, AnswerFacts, HeldAnswer } from "./answer.ts";
import { piecesOf, replyOf } from "./pieces.ts";

const magic = Buffer.from("CA1\n", "latin1");
const headerBytes = magic.byteLength + 4 * 4;

/**
 * Most pieces whose boundaries are kept; a longer stream is replayed in few pieces. More than the tokens of the longest
 * replies that are common.
 */
const maxPieces = 32_768;

/** What stands at the head of a record. */
type Head = AddressParts &
  Pick<HeldAnswer, "createdMs" | "expiresMs" | "deployment" | "model" | "usage" | "facts" | "streams">;

/** What became of opening a record: the answer, or the part of the address that it was not sealed for. */
export type Opened =
  | { readonly answer: HeldAnswer }
  | { readonly answer: undefined; readonly differs: keyof AddressParts | "form" };

/** Seals an answer for an address. @param createdMs Since the Unix epoch. */
export function sealRecord(address: Address, answer: Answer, createdMs: number, lifetimeMs: number): Buffer {
  const { partition, type, constitutionHash, canonical } = address;
  const { reply, deployment, facts, pieces } = answer;
  const kept = pieces !== undefined && pieces.length <= maxPieces ? pieces : undefined;
  const head: Head = {
    partition,
    type,
    constitutionHash,
    canonical,
    createdMs,
    expiresMs: createdMs + lifetimeMs,
    deployment,
    model: reply.model,
    usage: reply.usage,
    facts,
    streams: pieces !== undefined || piecesOf(reply) !== undefined,
  };
  // Pieces add up to the reply, so that only one of them is kept.
  return joined([
    JSON.stringify(head),
    kept === undefined ? JSON.stringify(reply) : "",
    kept === undefined ? "" : JSON.stringify(kept.map(shortened)),
    answer.body ?? "",
  ]);
}

/** Opens a record that was looked up under an address. */
export function openRecord(record: Buffer, address: Address): Opened {
  const sections = cut(record);
  const head = sections === undefined ? undefined : readHead(sections.head);
  if (sections === undefined || head === undefined) return { answer: undefined, differs: "form" };
  const differs = differenceOf(head, address);
  return differs === undefined ? { answer: new Held(record, head, sections) } : { answer: undefined, differs };
}

interface Sections {
  readonly head: Buffer;
  readonly reply: Buffer;
  readonly pieces: Buffer;
  readonly body: Buffer;
}

class Held implements HeldAnswer {
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly deployment: string;
  readonly model: string;
  readonly usage: Usage | null;
  readonly facts: AnswerFacts;
  readonly streams: boolean;
  readonly record: Buffer;
  readonly #sections: Sections;

  constructor(record: Buffer, head: Head, sections: Sections) {
    this.record = record;
    this.#sections = sections;
    this.createdMs = head.createdMs;
    this.expiresMs = head.expiresMs;
    this.deployment = head.deployment;
    this.model = head.model;
    this.usage = head.usage;
    this.facts = head.facts;
    this.streams = head.streams;
  }

  get body(): Buffer | undefined {
    const { body } = this.#sections;
    return body.byteLength === 0 ? undefined : body;
  }

  reply(): Reply {
    const { reply } = this.#sections;
    if (reply.byteLength === 0) return replyOf(this.pieces(), this.usage);
    return JSON.parse(reply.toString("utf8")) as Reply;
  }

  pieces(): readonly StreamEvent[] {
    const { pieces } = this.#sections;
    if (pieces.byteLength === 0) return piecesOf(this.reply()) ?? [];
    return (JSON.parse(pieces.toString("utf8")) as (StreamEvent | string)[]).map(lengthened);
  }
}

/** Most pieces are texts of the first choice: those are kept as bare strings. */
function shortened(piece: StreamEvent): StreamEvent | string {
  return piece.kind === "text" && piece.choice === 0 ? piece.text : piece;
}

function lengthened(piece: StreamEvent | string): StreamEvent {
  return typeof piece === "string" ? { kind: "text", choice: 0, text: piece } : piece;
}

function joined(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const record = Buffer.allocUnsafeSlow(headerBytes + lengths.reduce((sum, length) => sum + length, 0));
  let at = magic.copy(record);
  for (const length of lengths) at = record.writeUInt32BE(length, at);
  for (const text of texts) at += record.write(text, at);
  return record;
}

function cut(record: Buffer): Sections | undefined {
  if (record.byteLength < headerBytes || !record.subarray(0, magic.byteLength).equals(magic)) return undefined;
  const ends = [headerBytes];
  for (let i = 0; i < 4; i++) ends.push((ends[i] ?? 0) + record.readUInt32BE(magic.byteLength + 4 * i));
  if (ends[4] !== record.byteLength) return undefined;
  return {
    head: record.subarray(ends[0], ends[1]),
    reply: record.subarray(ends[1], ends[2]),
    pieces: record.subarray(ends[2], ends[3]),
    body: record.subarray(ends[3], ends[4]),
  };
}

function readHead(bytes: Buffer): Head | undefined {
  try {
    const head = JSON.parse(bytes.toString("utf8")) as Partial<Head> | null;
    return Number.isFinite(head?.createdMs) && Number.isFinite(head?.expiresMs) ? (head as Head) : undefined;
  } catch {
    return undefined;
  }
}
