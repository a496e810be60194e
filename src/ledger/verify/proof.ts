// One `.tlog-proof` file against one entry, offline: the strict reading of C2SP tlog-proof.
import { hashBytes, leafHash } from "./merkle.ts";
import { inclusionHolds } from "./inclusion.ts";
import { FormError, canonicalBase64, canonicalDecimal, openCheckpoint, parseVerifierKey } from "./note.ts";

/** Longest audit path: one hash per bit of an index below 2^53. */
const maxPathHashes = 53;

/** What a proof file proved, or the sentence why it does not. */
type ProofReport =
  | {
      readonly ok: true;
      readonly index: number;
      readonly size: number;
      readonly origin: string;
      /** Root of the signed tree, base64. */
      readonly root: string;
    }
  | { readonly ok: false; readonly reason: string };

/**
 * Checks that an entry stands in the log at the place its proof file says, under a checkpoint signed by the key.
 * @param proofText The whole `.tlog-proof` file.
 * @param leafBytes The entry, exactly as it is in the entry bundle.
 * @param verifierKey The log's key, `name+id+base64`, from a source the reader trusts.
 */
export function verifyProof(proofText: string, leafBytes: Uint8Array, verifierKey: string): ProofReport {
  try {
    const { index, path, note } = parseProof(proofText);
    const { origin, size, root } = openCheckpoint(Buffer.from(note), parseVerifierKey(verifierKey));
    if (!inclusionHolds({ index, size, leaf: leafHash(leafBytes), root, path })) {
      return { ok: false, reason: `the entry is not at index ${index} of the signed tree of size ${size}` };
    }
    return { ok: true, index, size, origin, root: root.toString("base64") };
  } catch (error) {
    if (error instanceof FormError) return { ok: false, reason: error.message };
    throw error;
  }
}

function parseProof(text: string): { index: number; path: Buffer[]; note: string } {
  const split = text.indexOf("\n\n");
  if (split < 0) throw new FormError("the proof holds no checkpoint");
  const [first, ...rest] = text.slice(0, split).split("\n");
  if (first !== "c2sp.org/tlog-proof@v1") throw new FormError("the file is not a tlog-proof of version 1");
  // The extra line is not authenticated; it is only checked for its form.
  if (rest[0]?.startsWith("extra ") === true) canonicalBase64(rest.shift()?.slice(6) ?? "", "the extra line");
  const [indexLine = "", ...pathLines] = rest;
  if (!indexLine.startsWith("index ")) throw new FormError("the proof names no index");
  if (pathLines.length > maxPathHashes) throw new FormError("the proof is too long");
  const path = pathLines.map((line) => canonicalBase64(line, "a hash of the proof"));
  if (path.some((hash) => hash.length !== hashBytes)) throw new FormError("a hash of the proof is not 32 bytes");
  return { index: canonicalDecimal(indexLine.slice(6), "the proof's index"), path, note: text.slice(split + 2) };
}
