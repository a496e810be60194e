// Signed notes and checkpoints, read strictly as C2SP signed-note and tlog-checkpoint define them, and Ed25519 only.
// Whatever is not exactly in form is refused with a sentence; nothing is repaired.
import { createPublicKey, hash, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { emptyRoot, hashBytes, sameHash } from "./merkle.ts";

/** Most bytes read as a signed note; a checkpoint with sixteen large witness signatures fits. */
export const maxNoteBytes = 128 * 1024;
/** Most signature lines read; C2SP asks for at least sixteen. */
const maxSignatures = 64;
/** Type byte of Ed25519 in key ids and verifier keys (C2SP signed-note). */
const ed25519Type = 0x01;
const keyName = /^[^\s+]+$/u;
const decimal = /^(0|[1-9][0-9]{0,15})$/;

/** Text that is not the signed note, checkpoint, proof or key it should be; the message says why. */
export class FormError extends Error {
  override readonly name = "FormError";
}

/** The key that checkpoints are checked with. */
export interface VerifierKey {
  readonly name: string;
  readonly id: Buffer;
  readonly publicKey: KeyObject;
}

/** A tree head whose signature has been checked. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** Standard base64 in its one canonical spelling. @throws FormError */
export function canonicalBase64(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw new FormError(`${what} is not canonical base64`);
  return bytes;
}

/** A non-negative integer without leading zeroes, at most 2^53-1. @throws FormError */
export function canonicalDecimal(text: string, what: string): number {
  const value = Number(text);
  if (!decimal.test(text) || !Number.isSafeInteger(value)) throw new FormError(`${what} is not a plain decimal number`);
  return value;
}

/** Reads a verifier key `name+id+base64(type || key)`. @throws FormError */
export function parseVerifierKey(text: string): VerifierKey {
  const [name = "", idHex = "", ...rest] = text.trim().split("+");
  if (!keyName.test(name)) throw new FormError("the verifier key has no valid name");
  if (!/^[0-9a-f]{8}$/.test(idHex)) throw new FormError("the verifier key has no valid id");
  // Base64 itself may contain plus signs.
  const material = canonicalBase64(rest.join("+"), "the verifier key");
  if (material.length !== 1 + hashBytes || material[0] !== ed25519Type) {
    throw new FormError("the verifier key is not an Ed25519 key");
  }
  const id = Buffer.from(idHex, "hex");
  if (!id.equals(hash("sha256", Buffer.concat([Buffer.from(`${name}\n`), material]), "buffer").subarray(0, 4))) {
    throw new FormError("the verifier key's id does not belong to its name and key");
  }
  const x = material.subarray(1).toString("base64url");
  return { name, id, publicKey: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }) };
}

/** Reads a checkpoint and checks its signature with a key. @throws FormError when form or signature are wrong. */
export function openCheckpoint(note: Uint8Array, key: VerifierKey): Checkpoint {
  const { text, signatures } = splitNote(note);
  checkSignatures(text, signatures, key);
  const lines = text.slice(0, -1).split("\n");
  const [origin = "", sizeLine = "", rootLine = ""] = lines;
  if (lines.length < 3 || lines.includes("")) throw new FormError("the checkpoint needs three non-empty lines");
  if (origin !== key.name) throw new FormError(`the checkpoint is of ${origin}, the key is of ${key.name}`);
  const size = canonicalDecimal(sizeLine, "the checkpoint's size");
  const root = canonicalBase64(rootLine, "the checkpoint's root");
  if (root.length !== hashBytes) throw new FormError("the checkpoint's root is not 32 bytes");
  if (size === 0 && !sameHash(root, emptyRoot())) throw new FormError("the root of an empty tree is wrong");
  return { origin, size, root };
}

interface Signature {
  readonly name: string;
  readonly id: Buffer;
  readonly bytes: Buffer;
}

function splitNote(note: Uint8Array): { text: string; signatures: Signature[] } {
  if (note.length > maxNoteBytes) throw new FormError("the note is too large");
  const whole = strictUtf8(note, "the note");
  if (hasControls(whole)) throw new FormError("the note holds a control character");
  const split = whole.lastIndexOf("\n\n");
  if (split < 0 || !whole.endsWith("\n")) throw new FormError("the note has no signatures");
  const lines = whole.slice(split + 2, -1).split("\n");
  if (lines.length > maxSignatures) throw new FormError("the note has too many signatures");
  return { text: whole.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): Signature {
  const [dash, name = "", base64 = "", ...rest] = line.split(" ");
  if (dash !== "\u2014" || !keyName.test(name) || base64 === "" || rest.length > 0) {
    throw new FormError("a signature line is malformed");
  }
  const bytes = canonicalBase64(base64, "a signature");
  if (bytes.length < 5) throw new FormError("a signature is too short");
  return { name, id: bytes.subarray(0, 4), bytes: bytes.subarray(4) };
}

function checkSignatures(text: string, signatures: readonly Signature[], key: VerifierKey): void {
  const ours = signatures.filter(({ name, id }) => name === key.name && id.equals(key.id));
  if (ours.length === 0) throw new FormError("the note carries no signature of the given key");
  for (const { bytes } of ours) {
    if (!verify(null, Buffer.from(text), key.publicKey, bytes)) throw new FormError("the note's signature is wrong");
  }
}

/** Decodes UTF-8 and refuses what is not. @throws FormError */
export function strictUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormError(`${what} is not UTF-8`);
  }
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) return true;
  }
  return false;
}
