// Turns leaves into the bytes and hashes that the log stores; `leaf-json.ts` spells them.
import { canonicalJson } from "../kernel/canonical-json.ts";
import { sha256 } from "../kernel/hash.ts";
import { maxCommitLeaves, maxLeafBytes } from "../kernel/limits.ts";
import { ledgerFault } from "./errors.ts";
import { begins } from "./leaf.ts";
import type { Leaf } from "./leaf.ts";
import { leafJson } from "./leaf-json.ts";
import type { Batch, EncodedLeaf } from "./sequencer.ts";
import { lengthBytes } from "./tiles.ts";

/** Longest text of a leaf, in UTF-16 units, that is worth encoding: each unit is at least one byte. */
const maxLeafUnits = maxLeafBytes;

/** Encodes leaves. Holds one scratch buffer, so an encoder must not be shared between threads. */
export class LeafEncoder {
  /** One byte for the hash prefix, then the leaf; a UTF-16 unit becomes at most three bytes of UTF-8. */
  readonly #scratch = Buffer.alloc(1 + 3 * maxLeafUnits);

  /** Encodes leaves that belong together. Throws `ledger.leaf_too_large` or `ledger.batch_too_large`. */
  batch(leaves: readonly Leaf[]): Batch {
    if (leaves.length > maxCommitLeaves) {
      throw ledgerFault("ledger.batch_too_large", `At most ${maxCommitLeaves} leaves are taken at once.`);
    }
    const encoded: EncodedLeaf[] = [];
    let sizeBytes = 0;
    for (const leaf of leaves) {
      const one = this.#encode(leaf);
      encoded.push(one);
      sizeBytes += one.framed.length;
    }
    return { leaves: encoded, sizeBytes, begins: leaves.some(begins) };
  }

  #encode(leaf: Leaf): EncodedLeaf {
    const text = textOf(leaf);
    const length = text.length > maxLeafUnits ? text.length : this.#scratch.write(text, 1);
    if (length > maxLeafBytes) {
      throw ledgerFault("ledger.leaf_too_large", `A leaf has ${length} bytes; at most ${maxLeafBytes} fit.`);
    }
    // The scratch begins with 0x00, so it is already the input of the RFC 6962 leaf hash.
    const hash = sha256(this.#scratch.subarray(0, 1 + length));
    const framed = Buffer.allocUnsafe(lengthBytes + length);
    framed.writeUInt16BE(length);
    this.#scratch.copy(framed, lengthBytes, 1, 1 + length);
    return { framed, hash };
  }
}

function textOf(leaf: Leaf): string {
  try {
    return canonicalJson(leafJson(leaf));
  } catch (cause) {
    throw ledgerFault("ledger.leaf_too_large", "A leaf has no canonical JSON form.", {}, cause);
  }
}
