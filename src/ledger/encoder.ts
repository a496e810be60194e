// Turns leaves into the bytes and hashes that the log stores.
import { canonicalJson } from "../kernel/canonical-json.ts";
import { sha256 } from "../kernel/hash.ts";
import { maxCommitLeaves, maxLeafBytes } from "../kernel/limits.ts";
import { ledgerFault } from "./errors.ts";
import type { CallRecord, Leaf } from "./leaf.ts";
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
    let [sizeBytes, begins] = [0, false];
    for (const leaf of leaves) {
      const one = this.#encode(leaf);
      encoded.push(one);
      sizeBytes += one.framed.length;
      begins ||= leaf.kind !== "outcome" && leaf.kind !== "finding";
    }
    return { leaves: encoded, sizeBytes, begins };
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
    return canonicalJson(ordered(leaf));
  } catch (cause) {
    throw ledgerFault("ledger.leaf_too_large", "A leaf has no canonical JSON form.", {}, cause);
  }
}

/** A leaf with its fields in canonical order, so that they need not be sorted; the types keep it complete. */
function ordered(leaf: Leaf): object {
  const { call, decision } = leaf;
  return {
    call: call && orderedCall(call),
    code: leaf.code,
    constitutionHash: leaf.constitutionHash,
    decision: decision && { allow: decision.allow, articles: decision.articles, policies: decision.policies },
    digest: leaf.digest,
    finding: leaf.finding,
    intent: leaf.intent,
    kind: leaf.kind,
    note: leaf.note,
    operation: leaf.operation,
    outcome: leaf.outcome,
    principal: leaf.principal,
    principalKind: leaf.principalKind,
    product: leaf.product,
    requestId: leaf.requestId,
    resource: leaf.resource,
    time: leaf.time,
    v: leaf.v,
  } satisfies Record<keyof Leaf, unknown>;
}

function orderedCall(call: CallRecord): object {
  return {
    attempts: call.attempts,
    cache: call.cache,
    cacheReadTokens: call.cacheReadTokens,
    cacheWriteTokens: call.cacheWriteTokens,
    chargedMicrodollars: call.chargedMicrodollars,
    chargedTokens: call.chargedTokens,
    deployment: call.deployment,
    droppedParameters: call.droppedParameters,
    estimated: call.estimated,
    finish: call.finish,
    governedParameters: call.governedParameters,
    inputTokens: call.inputTokens,
    microdollars: call.microdollars,
    model: call.model,
    outputTokens: call.outputTokens,
    prompt: call.prompt,
    reasoningTokens: call.reasoningTokens,
    reasons: call.reasons,
    reply: call.reply,
    schema: call.schema,
    serviceTier: call.serviceTier,
    streamed: call.streamed,
    tier: call.tier,
    unknownParameters: call.unknownParameters,
  } satisfies Record<keyof CallRecord, unknown>;
}
