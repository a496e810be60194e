// C2SP signed notes with Ed25519 keys, and the checkpoints (signed tree heads) they carry. Reading is strict: only the
// one spelling that we would write is accepted, so that no byte of a checkpoint can change unnoticed.
import { createPublicKey, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { sha256 } from "../kernel/hash.ts";
import { hashBytes } from "./merkle.ts";

/** Signature type byte of Ed25519 (c2sp.org/signed-note, "Signature types"). */
const ed25519 = 1;
/** Bytes of a key id in front of each signature. */
const keyIdBytes = 4;

/** A tree head: which log, how many entries, which root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A key that checks notes. */
export interface NoteVerifier {
  readonly name: string;
  /** The spelling for other tools: `name+id+base64`. */
  readonly text: string;
  readonly publicKey: KeyObject;
  readonly id: Buffer;
}

/** Whether a name may be a log's origin and key name: not empty, no white space or control character, no plus. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && !/[\s+\p{Cc}]/u.test(name);
}

/** The verifier of a named Ed25519 public key. */
export function noteVerifier(name: string, publicKey: KeyObject): NoteVerifier {
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const typed = Buffer.concat([Buffer.of(ed25519), raw]);
  const id = sha256(Buffer.concat([Buffer.from(`${name}\n`), typed])).subarray(0, keyIdBytes);
  return { name, text: `${name}+${id.toString("hex")}+${typed.toString("base64")}`, publicKey, id };
}

/** Reads a verifier key as spelled by `NoteVerifier.text`; undefined when it is not one of Ed25519. */
export function parseVerifierKey(text: string): NoteVerifier | undefined {
  const [name = "", , encoded = ""] = text.split("+", 2).concat(text.split("+").slice(2).join("+"));
  const typed = Buffer.from(encoded, "base64");
  if (!isKeyName(name) || typed.length !== 1 + hashBytes || typed[0] !== ed25519) return undefined;
  const x = typed.subarray(1).toString("base64url");
  const verifier = noteVerifier(name, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }));
  return verifier.text === text ? verifier : undefined;
}

/** Signs a note text, which ends in a newline. */
export function signNote(text: string, verifier: NoteVerifier, privateKey: KeyObject): string {
  const signature = Buffer.concat([verifier.id, sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n\u2014 ${verifier.name} ${signature.toString("base64")}\n`;
}

/** The text of a note that carries a valid signature by this key; undefined for any other note. */
export function openNote(note: string, verifier: NoteVerifier): string | undefined {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) return undefined;
  const text = note.slice(0, end + 1);
  const prefix = `\u2014 ${verifier.name} `;
  for (const line of note.slice(end + 2, -1).split("\n")) {
    if (!line.startsWith(prefix)) continue;
    const encoded = line.slice(prefix.length);
    const bytes = Buffer.from(encoded, "base64");
    if (bytes.toString("base64") !== encoded || !bytes.subarray(0, keyIdBytes).equals(verifier.id)) continue;
    if (verify(null, Buffer.from(text), verifier.publicKey, bytes.subarray(keyIdBytes))) return text;
  }
  return undefined;
}

/** The note text of a checkpoint (c2sp.org/tlog-checkpoint). */
export function checkpointText(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${Buffer.from(checkpoint.root).toString("base64")}\n`;
}

/** Reads the text of a checkpoint; undefined unless it is spelled exactly as `checkpointText` spells it. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin = "", size = "", root = ""] = text.split("\n");
  const checkpoint = { origin, size: Number(size), root: Buffer.from(root, "base64") };
  const wellFormed = Number.isSafeInteger(checkpoint.size) && checkpoint.root.length === hashBytes;
  return wellFormed && checkpointText(checkpoint) === text ? checkpoint : undefined;
}
