// What the gate is told about a create: who would own it, what was claimed, and how full the store is.
import type { ConstitutionData } from "../constitution/index.ts";
import type { Attempt } from "../governance/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { ArtifactId } from "../kernel/ids.ts";
import type { Activity } from "./activity.ts";
import type { Content, Draft } from "./draft.ts";
import type { ArtifactStore } from "./store/store.ts";

/** The attempt to create an artifact, without evidence. */
export function baseAttempt(id: ArtifactId, draft: Draft): Attempt {
  return {
    operation: "artifact.create",
    resource: `artifact/${id}`,
    action: "CREATE",
    target: { kind: "artifact", product: draft.product === "" ? null : draft.product, artifactType: draft.type },
  };
}

/** The attempt to create an artifact, with everything the detectors may look at beforehand. */
export async function attemptOf(
  parts: { readonly data: ConstitutionData; readonly store: ArtifactStore; readonly activity: Activity },
  ctx: Ctx,
  id: ArtifactId,
  draft: Draft,
  content: Content,
): Promise<Attempt> {
  const { data, store, activity } = parts;
  const { limits } = data;
  const serverOwnedFields = draft.suppliedServerFields ?? [];
  const [total, product] = await Promise.all([store.totals(), store.usage(draft.product)]);
  // How full another product is must not show, not even as a finding about a write that is refused.
  const isOwn = ctx.principal.product === null || ctx.principal.product === draft.product;
  return {
    ...baseAttempt(id, draft),
    context: { complete: draft.complete ?? true, setsLockedField: serverOwnedFields.length > 0, hashed: true },
    evidence: {
      client: { serverOwnedFields, ...(draft.clientTime === undefined ? {} : { timestamp: draft.clientTime }) },
      metadata: draft.metadata,
      content: {
        declaredMediaType: draft.mediaType,
        ...(content.declaredBytes === undefined ? {} : { declaredBytes: content.declaredBytes }),
        ...(content.claimedDigest === undefined ? {} : { declaredDigest: content.claimedDigest }),
        ...(content.knownDigest === undefined ? {} : { actualDigest: content.knownDigest }),
      },
      storage: {
        usedBytes: total.usedBytes,
        heldBytes: total.heldBytes,
        totalBytes: limits.storageTotalBytes,
        quotaBytes: isOwn ? (data.products[draft.product]?.quotaBytes ?? null) : null,
        productUsedBytes: product.usedBytes,
        bytesPerSecondRecent: activity.bytesPerSecond(),
        abandonedReservations: activity.abandonedBy(ctx.principal.id),
      },
    },
  };
}
