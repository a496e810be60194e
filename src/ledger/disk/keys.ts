// The ledger's signing key: made at the first opening, durable before its first use, readable by the owner alone. Its
// public parts lie next to it for third parties: `verifier-key` for note tools and `public.pem` for openssl.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { basename, join } from "node:path";
import { readIfThere, replaceFile } from "../../durable-files/index.ts";
import { ledgerFault } from "../errors.ts";
import { isKeyName, noteVerifier, signNote } from "../note.ts";
import type { NoteVerifier } from "../note.ts";

/** Name of the secret key's file, PKCS8 PEM, mode 0600. */
export const keyFile = "key.pem";
/** Name of the file with the signed-note verifier key. */
export const verifierKeyFile = "verifier-key";
/** Name of the file with the public key as SPKI PEM. */
export const publicKeyFile = "public.pem";

/** Signs checkpoints under the ledger's name. */
export interface CheckpointSigner {
  readonly verifier: NoteVerifier;
  sign(text: string): string;
}

/** Opens the key of a folder, or makes it when `mayMake`. Rejects with `ledger.key_unusable`. */
export async function openSigner(dir: string, origin: string, mayMake: boolean): Promise<CheckpointSigner> {
  if (!isKeyName(origin)) {
    throw ledgerFault("ledger.key_unusable", "The ledger's origin must not be empty or hold spaces or plus signs.");
  }
  const privateKey = (await readKey(dir)) ?? (mayMake ? await makeKey(dir) : undefined);
  if (privateKey === undefined) throw ledgerFault("ledger.key_unusable", "The ledger's signing key is missing.");
  const publicKey = createPublicKey(privateKey);
  const verifier = noteVerifier(origin, publicKey);
  await keepPublic(join(dir, verifierKeyFile), `${verifier.text}\n`);
  await keepPublic(join(dir, publicKeyFile), String(publicKey.export({ type: "spki", format: "pem" })));
  return { verifier, sign: (text) => signNote(text, verifier, privateKey) };
}

async function readKey(dir: string): Promise<KeyObject | undefined> {
  const pem = await readIfThere(join(dir, keyFile));
  if (pem === undefined) return undefined;
  try {
    return createPrivateKey({ key: pem, format: "pem" });
  } catch (cause) {
    throw ledgerFault("ledger.key_unusable", "The ledger's signing key cannot be read.", {}, cause);
  }
}

async function makeKey(dir: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  await replaceFile(join(dir, keyFile), Buffer.from(pem));
  return privateKey;
}

/** Writes a public part when it is missing; one that differs means another key or another name, and is refused. */
async function keepPublic(path: string, text: string): Promise<void> {
  const present = await readIfThere(path);
  if (present === undefined) return replaceFile(path, Buffer.from(text));
  if (present.toString() !== text) {
    const remedy = `Put back key and origin. If only ${basename(path)} is damaged, remove it: it is made again from the key.`;
    const detail = "The ledger's key or origin is not the one that this ledger began with.";
    throw ledgerFault("ledger.key_unusable", detail, { remedy });
  }
}
