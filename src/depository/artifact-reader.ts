// The reading side of the depository. It changes nothing and leaves no leaf; what it may show is decided per call, and
// another product's artifacts are not there.
import { quotaState, storageStatus } from "../constitution/index.ts";
import type { Constitution, QuotaState, StorageStatus } from "../constitution/index.ts";
import { unknownProduct } from "../governance/index.ts";
import type { Gate, Receipt } from "../governance/index.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { seesAll } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { silentMeter } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import type { ArtifactId } from "../kernel/ids.ts";
import { isUuid } from "../kernel/ids.ts";
import { ledgerFault } from "../ledger/index.ts";
import type { Entry, Ledger } from "../ledger/index.ts";
import type { Artifact } from "./artifact.ts";
import type { Blobs, ByteRange } from "./blobs/blobs.ts";
import { provenance } from "./draft.ts";
import { depositoryFault } from "./errors.ts";
import { readerMetrics } from "./metrics.ts";
import { scrubOf } from "./scrub.ts";
import type { ScrubStep } from "./scrub.ts";
import type { ArtifactQuery, ArtifactStore, Lineage, StoredArtifact } from "./store/store.ts";

/** What proves an artifact to a third party: its outcome leaf, the leaf's place in the signed log, and the key that signed. */
export interface ArtifactProof {
  readonly artifact: Artifact;
  readonly receipt: Receipt;
  /** The outcome leaf, byte for byte as it was hashed into the log. */
  readonly leaf: string;
  /** The record whose SHA-256 is the leaf's `digest`, as RFC 8785 JSON. */
  readonly record: string;
  /** A C2SP tlog-proof of the leaf. */
  readonly proof: string;
  readonly verifierKey: string;
}

/** How a product stands. */
export interface ProductState extends QuotaState {
  readonly held_bytes: number;
  readonly artifacts: number;
  readonly artifact_types: readonly string[];
}

/** The reading side. */
export interface ArtifactReader {
  /** One artifact the caller may read. Rejects with `artifact.not_found`. */
  read(ctx: Ctx, id: string): Promise<Artifact>;
  /** One artifact of the caller's product, whether or not the caller may read; for acts on it. Undefined if not there. */
  find(ctx: Ctx, id: string): Promise<Artifact | undefined>;
  /** An artifact's bytes, or a range of them. */
  content(
    ctx: Ctx,
    id: string,
    range: (artifact: Artifact) => ByteRange | undefined,
  ): Promise<AsyncIterable<Uint8Array>>;
  /** Artifacts, newest first. Rejects with `product.not_found` for a product that the constitution does not register. */
  list(ctx: Ctx, query: ArtifactQuery): Promise<readonly Artifact[]>;
  lineage(ctx: Ctx, id: string, direction: "ancestors" | "descendants"): Promise<Lineage>;
  proof(ctx: Ctx, id: string): Promise<ArtifactProof>;
  /** The receipt of an artifact, from the ledger. */
  receiptOf(id: ArtifactId): Promise<{ artifact: Artifact; receipt: Receipt; outcome: Entry }>;
  products(ctx: Ctx): Promise<readonly ProductState[]>;
  /**
   * How full the storage is, or would be with so many bytes used. A caller that belongs to a product is told of its own quota:
   * the whole would tell it what the others store.
   */
  capacity(ctx: Ctx, usedBytes?: number): Promise<StorageStatus>;
  /** Reads every blob again and compares it with its name. */
  scrub(ctx: Ctx): AsyncIterable<ScrubStep>;
}

/** When to ask again for an outcome that could not be written yet, seconds; the gate tries about as often. */
const unsettledRetrySeconds = 1;

/** Farthest generations and most artifacts that one lineage answer holds. */
const lineageBounds = { depth: 32, nodes: 1000 };

/** Opens the reading side. */
export function openArtifactReader(parts: {
  constitution: Constitution;
  gate: Gate;
  ledger: Ledger;
  store: ArtifactStore;
  blobs: Blobs;
  /** Nothing is measured when it is absent. */
  meter?: Meter;
}): ArtifactReader {
  const { constitution, gate, ledger, store, blobs } = parts;
  const metrics = readerMetrics(parts.meter ?? silentMeter);

  async function stored({ principal }: Ctx, id: string): Promise<StoredArtifact | undefined> {
    const { kind, product } = principal;
    // A user who has registered is of such a kind before an admin gives it a product, and must see nothing.
    if (product === null && (kind === "product" || kind === "ai_agent")) return undefined;
    return isUuid(id) ? store.get(product, id) : undefined;
  }

  async function readable(ctx: Ctx, id: string): Promise<StoredArtifact> {
    gate.permit(ctx, { kind: "artifact", product: ctx.principal.product });
    const found = await stored(ctx, id);
    if (!found) throw depositoryFault("artifact.not_found", "there is no such artifact");
    return found;
  }

  async function receiptOf(id: ArtifactId): ReturnType<ArtifactReader["receiptOf"]> {
    const found = await store.get(null, id);
    if (!found) throw depositoryFault("artifact.not_found", "there is no such artifact");
    const intent = await ledger.entry(found.artifact.intentIndex);
    const outcome = await ledger.outcomeOf(intent.index);
    if (intent.leaf.kind !== "intent") {
      throw ledgerFault("ledger.entry_lost", "the entries of this artifact were lost, and the loss is on record");
    }
    if (!outcome) {
      throw depositoryFault("artifact.unsettled", "the artifact is stored and its outcome is not yet in the ledger", {
        remedy: "ask again in a moment",
        retryAfterSeconds: unsettledRetrySeconds,
      });
    }
    const decision = intent.leaf.decision ?? { allow: true, articles: [], policies: [] };
    return {
      artifact: found.artifact,
      outcome,
      receipt: {
        decision,
        intentIndex: intent.index,
        outcomeIndex: outcome.index,
        constitutionHash: intent.leaf.constitutionHash,
      },
    };
  }

  async function productState(product: string): Promise<ProductState> {
    const { usedBytes, heldBytes, artifacts } = await store.usage(product);
    const types = constitution.data.products[product]?.artifactTypes ?? [];
    return {
      ...quotaState(constitution.data, product, usedBytes),
      held_bytes: heldBytes,
      artifacts,
      artifact_types: types,
    };
  }

  return {
    receiptOf,
    read: async (ctx, id) => (await readable(ctx, id)).artifact,
    find: async (ctx, id) => (await stored(ctx, id))?.artifact,

    content: (ctx, id, range) =>
      metrics.read(async () => {
        const { artifact, location } = await readable(ctx, id);
        const blob = { digest: artifact.content_hash, sizeBytes: artifact.sizeBytes, location };
        return blobs.read(artifact.product_id, blob, range(artifact));
      }),

    async list(ctx, query) {
      const product = query.product ?? ctx.principal.product ?? undefined;
      gate.permit(ctx, { kind: "artifact", product: product ?? null });
      if (product !== undefined && !Object.hasOwn(constitution.data.products, product)) {
        throw unknownProduct(constitution.data.products);
      }
      return store.list({ ...query, ...(product === undefined ? {} : { product }) });
    },

    async lineage(ctx, id, direction) {
      const { artifact } = await readable(ctx, id);
      return store.lineage(artifact.artifact_id, direction, lineageBounds.depth, lineageBounds.nodes);
    },

    async proof(ctx, id) {
      const { artifact } = await readable(ctx, id);
      const { receipt, outcome } = await receiptOf(artifact.artifact_id);
      return {
        artifact,
        receipt,
        leaf: canonicalJson(outcome.json),
        record: canonicalJson(provenance(artifact, outcome.json.v)),
        proof: await ledger.proof(outcome.index),
        verifierKey: ledger.verifierKey,
      };
    },

    async products(ctx) {
      const mine = ctx.principal.product;
      gate.permit(ctx, { kind: "artifact", product: mine });
      const all = seesAll(ctx.principal);
      const names = Object.keys(constitution.data.products).filter((name) => all || name === mine);
      return Promise.all(names.map(productState));
    },

    async capacity(ctx, usedBytes) {
      gate.permit(ctx, { kind: "governance", product: ctx.principal.product });
      const { data } = constitution;
      if (usedBytes !== undefined) return storageStatus(data, usedBytes);
      if (seesAll(ctx.principal)) return storageStatus(data, (await store.totals()).usedBytes);
      const { product } = ctx.principal;
      if (product === null) return storageStatus(data, 0);
      return storageStatus(data, (await store.usage(product)).usedBytes, data.products[product]?.quotaBytes ?? 0);
    },

    scrub(ctx) {
      gate.permit(ctx, { kind: "artifact", product: null });
      return scrubOf({ store, blobs, signal: ctx.signal });
    },
  };
}
