// Fills what a caller left out with the ordinary: nothing forged, nothing colliding, room enough.
import { maxJsonDepth } from "../../kernel/limits.ts";
import type { Circumstances, ThreatInput, ThreatLimits } from "./threat.ts";

/** The numbers of the default constitution (storage bands, metadata limits, clock tolerance); a caller's own come first. */
export const ordinaryThreatLimits: ThreatLimits = {
  storageCautionRatio: 0.7,
  storageWarningRatio: 0.9,
  storageCriticalRatio: 0.99,
  quotaWarningRatio: 0.9,
  forecastSeconds: 24 * 60 * 60,
  // Chosen: a client that crashed a few times is unlucky, one that did so ten times is broken or hostile.
  abandonedReservations: 10,
  largeArtifactBytes: 10_000_000,
  metadataFieldBytes: 16 * 1024,
  metadataBytes: 64 * 1024,
  metadataDepth: maxJsonDepth,
  clockSkewMs: 300_000,
};

/** An input with every group filled in. */
export function circumstancesOf(input: ThreatInput): Circumstances {
  return {
    ...input,
    client: { serverOwnedFields: [], ...input.client },
    content: { ...input.content },
    storage: {
      usedBytes: 0,
      heldBytes: 0,
      totalBytes: null,
      quotaBytes: null,
      productUsedBytes: 0,
      bytesPerSecondRecent: 0,
      abandonedReservations: 0,
      ...input.storage,
    },
    flags: { overrideAttempted: false, agentsMayRead: false, ...input.flags },
    collision: { idempotencyConflict: false, sameContentExists: false, concurrentDuplicate: false, ...input.collision },
    limits: { ...ordinaryThreatLimits, ...input.limits },
  };
}
