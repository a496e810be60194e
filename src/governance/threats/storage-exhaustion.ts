// T1: someone fills the store, by intent or by accident. Looks at writes only; reading goes on when the store is full.
//
// Capacity has four edges (the storage bands of the constitution). From 99 % on the finding is CRITICAL and calls for a
// halt, but writes halt at 100 % and not before: below it the halt is announced and does not block. A quota that is
// used up is refused by the quota's own reservation, which is atomic; here it is only reported.
import { findingOf } from "./threat.ts";
import type { Detector, Finding, FindingDraft, Circumstances } from "./threat.ts";

const threat = "T1_STORAGE_EXHAUSTION";
/** How full the whole store is and how fast it grows concerns the server. */
const scope = "server";

/** Finds writes that exhaust storage. */
export const storageExhaustion: Detector = {
  id: threat,
  summary: "Storage or a quota is nearly used up, growing fast, held by abandoned uploads, or hit by a large artifact.",
  looksAt: "request",
  detect(input) {
    if (input.action !== "CREATE" && input.action !== "APPEND_AUDIT") return [];
    const found = [capacity(input), reservations(input), forecast(input), quota(input), abandoned(input), large(input)];
    return found.flatMap((draft): Finding[] => (draft ? [findingOf(draft)] : []));
  },
};

/** Share of total storage in use; 0 where there is no total. */
function usedRatio({ storage }: Circumstances, heldBytes = 0): number {
  if (storage.totalBytes === null || storage.totalBytes <= 0) return 0;
  return (storage.usedBytes + heldBytes) / storage.totalBytes;
}

function capacity(input: Circumstances): FindingDraft | undefined {
  const { limits } = input;
  const ratio = usedRatio(input);
  const pattern = "storage_capacity";
  const share = `Storage is ${percent(ratio)} % full`;
  if (ratio >= 1)
    // Read by callers, who must not learn how much the others store: no number.
    return {
      threat,
      severity: "CRITICAL",
      pattern,
      action: "halt",
      scope,
      detail: "Storage is full; writes are halted.",
    };
  if (ratio >= limits.storageCriticalRatio) {
    const detail = `${share}; writes halt at 100 %.`;
    return { threat, severity: "CRITICAL", pattern, action: "halt", announced: true, scope, detail };
  }
  const detail = `${share}.`;
  if (ratio >= limits.storageWarningRatio) return { threat, severity: "HIGH", pattern, action: "flag", scope, detail };
  if (ratio >= limits.storageCautionRatio) return { threat, severity: "LOW", pattern, action: "flag", scope, detail };
  return undefined;
}

/** Uploads in flight would bring the store to the critical edge although what is stored has not. */
function reservations(input: Circumstances): FindingDraft | undefined {
  const edge = input.limits.storageCriticalRatio;
  if (usedRatio(input) >= edge || usedRatio(input, input.storage.heldBytes) < edge) return undefined;
  const detail = `Storage will be ${percent(usedRatio(input, input.storage.heldBytes))} % full once the uploads in flight have ended.`;
  return { threat, severity: "HIGH", pattern: "reserved_capacity", action: "flag", scope, detail };
}

function forecast(input: Circumstances): FindingDraft | undefined {
  const { storage, limits } = input;
  if (storage.totalBytes === null || storage.bytesPerSecondRecent <= 0) return undefined;
  if (usedRatio(input) >= limits.storageCriticalRatio) return undefined;
  const seconds = Math.max(0, storage.totalBytes - storage.usedBytes) / storage.bytesPerSecondRecent;
  if (seconds > limits.forecastSeconds) return undefined;
  const detail = `At the recent rate storage will be full in ${Math.ceil(seconds / 60)} minutes.`;
  return { threat, severity: "HIGH", pattern: "rapid_writes", action: "flag", scope, detail };
}

function quota({ storage, limits }: Circumstances): FindingDraft | undefined {
  if (storage.quotaBytes === null || storage.quotaBytes <= 0) return undefined;
  const ratio = storage.productUsedBytes / storage.quotaBytes;
  if (ratio < limits.quotaWarningRatio) return undefined;
  const severity = ratio >= 1 ? "HIGH" : "MEDIUM";
  const detail = `The product's quota is ${percent(ratio)} % used.`;
  return { threat, severity, pattern: "product_quota", action: "flag", detail };
}

function abandoned({ storage, limits }: Circumstances): FindingDraft | undefined {
  if (storage.abandonedReservations < limits.abandonedReservations) return undefined;
  const detail = `${storage.abandonedReservations} uploads of this caller reserved space and were never completed.`;
  return { threat, severity: "MEDIUM", pattern: "abandoned_uploads", action: "throttle", detail };
}

function large({ content, limits }: Circumstances): FindingDraft | undefined {
  const sizeBytes = content.actualBytes ?? content.declaredBytes ?? 0;
  if (sizeBytes <= limits.largeArtifactBytes) return undefined;
  const detail = `The content is longer than ${limits.largeArtifactBytes} bytes and is being watched.`;
  return { threat, severity: "MEDIUM", pattern: "large_artifact", action: "flag", detail };
}

/** A share as a percentage, rounded down to a tenth so that an edge is never reported before it is reached. */
function percent(ratio: number): number {
  return Math.floor(ratio * 1000 + 1e-9) / 10;
}
