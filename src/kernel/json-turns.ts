// JSON of any size, read, written and digested with turns for everyone else in between. What is small is done at once, and
// what is given back is then a value and no promise: a short call waits for nothing.
import { joinSteps, utf8Steps } from "./bytes-in-turns.ts";
import { canonicalJson, escapedJson } from "./canonical-json.ts";
import { digestOf, runningHash } from "./hash.ts";
import type { Digest } from "./hash.ts";
import { JsonRefusal } from "./json-bounds.ts";
import type { JsonBounds } from "./json-bounds.ts";
import { readJson } from "./json-reader.ts";
import { isLarge, writeJson } from "./json-writer.ts";
import type { JsonForm } from "./json-writer.ts";
import { atOnce, inTurns, TimeSlice } from "./time-slice.ts";
import type { Steps } from "./time-slice.ts";

/** Bytes that are hashed in one go; a millisecond at the least. */
const hashedBytes = 256 * 1024;

/** Bytes up to which a document is read at once. */
const shortBytes = 16 * 1024;

/** The value of a document's bytes, in one go. @throws JsonRefusal, also for what is not UTF-8. */
export function readAtOnce(bytes: Buffer, bounds: JsonBounds): unknown {
  return atOnce(readSteps(bytes, bounds, new TimeSlice()));
}

/** The value of a document's bytes. @throws JsonRefusal, also for what is not UTF-8; the signal's reason. */
export function readInTurns(bytes: Buffer, bounds: JsonBounds, signal?: AbortSignal): unknown {
  if (bytes.length <= shortBytes) return readAtOnce(bytes, bounds);
  const stretch = new TimeSlice();
  return inTurns(readSteps(bytes, bounds, stretch), stretch, signal);
}

function* readSteps(bytes: Buffer, bounds: JsonBounds, stretch: TimeSlice): Steps<unknown> {
  if (!(yield* utf8Steps(bytes, stretch))) throw new JsonRefusal("encoding", 0);
  return yield* readJson(bytes, bounds, stretch);
}

/** What JSON.stringify writes; text when it is short, otherwise its bytes. */
export function writeInTurns(value: object, signal?: AbortSignal): string | Promise<Buffer> {
  return isLarge(value) ? gathered(value, "plain", signal) : JSON.stringify(value);
}

/** The bytes of the RFC 8785 text of a value. @throws NotCanonicalError */
export function canonicalInTurns(value: unknown, signal?: AbortSignal): Buffer | Promise<Buffer> {
  return isLarge(value) ? gathered(value, "canonical", signal) : Buffer.from(canonicalJson(value));
}

/** The same with halves of characters as escapes, as `escapedJson` writes them. @throws NotCanonicalError */
export function escapedInTurns(value: unknown, signal?: AbortSignal): Buffer | Promise<Buffer> {
  return isLarge(value) ? gathered(value, "escaped", signal) : Buffer.from(escapedJson(value));
}

/** The record digest of a JSON value: SHA-256 over its RFC 8785 text. @throws NotCanonicalError */
export function digestJsonInTurns(value: unknown, signal?: AbortSignal): Digest | Promise<Digest> {
  if (!isLarge(value)) return digestOf(canonicalJson(value));
  const stretch = new TimeSlice();
  return inTurns(digested(value, stretch), stretch, signal);
}

/** The record digest of bytes. */
export function digestInTurns(bytes: Buffer): Digest | Promise<Digest> {
  if (bytes.length <= hashedBytes) return digestOf(bytes);
  const stretch = new TimeSlice();
  return inTurns(hashed(bytes, stretch), stretch);
}

async function gathered(value: unknown, form: JsonForm, signal?: AbortSignal): Promise<Buffer> {
  const stretch = new TimeSlice();
  return inTurns(gatheredSteps(value, form, stretch), stretch, signal);
}

function* gatheredSteps(value: unknown, form: JsonForm, stretch: TimeSlice): Steps<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  const take = (text: string): void => {
    const part = Buffer.from(text);
    sizeBytes += part.length;
    parts.push(part);
  };
  yield* writeJson(value, form, take, stretch);
  return yield* joinSteps(parts, sizeBytes, stretch);
}

function* digested(value: unknown, stretch: TimeSlice): Steps<Digest> {
  const hash = runningHash();
  yield* writeJson(value, "canonical", (text) => hash.update(text), stretch);
  return hash.digest();
}

function* hashed(bytes: Buffer, stretch: TimeSlice): Steps<Digest> {
  const hash = runningHash();
  for (let at = 0; at < bytes.length; at += hashedBytes) {
    hash.update(bytes.subarray(at, at + hashedBytes));
    if (stretch.isOver(hashedBytes)) yield;
  }
  return hash.digest();
}
