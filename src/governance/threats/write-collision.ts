// T4: two writes meet. None of it blocks here: a key that was used with another body is refused by the depository (409),
// and the finding records that; a write that is still running under the same key is asked to wait; the same content again
// is only noted, since content is kept by its digest.
import { findingOf } from "./threat.ts";
import type { Detector, FindingDraft } from "./threat.ts";

const threat = "T4_WRITE_COLLISION";

/** Finds writes that collide with another write. */
export const writeCollision: Detector = {
  id: threat,
  summary:
    "A write meets another one: the same idempotency key with another body, a running twin, or the same content.",
  looksAt: "request",
  detect({ action, collision }) {
    if (action !== "CREATE" && action !== "APPEND_AUDIT") return [];
    const drafts: FindingDraft[] = [];
    if (collision.idempotencyConflict) {
      const detail = "The idempotency key was used before with another body.";
      drafts.push({ threat, severity: "HIGH", pattern: "version_conflict", action: "flag", detail });
    }
    if (collision.concurrentDuplicate) {
      const detail = "A write with the same idempotency key is still running; try again when it has ended.";
      drafts.push({ threat, severity: "MEDIUM", pattern: "concurrent_writes", action: "throttle", detail });
    }
    if (collision.sameContentExists) {
      const detail = "The product holds the same content already.";
      drafts.push({ threat, severity: "LOW", pattern: "duplicate_content", action: "flag", detail });
    }
    return drafts.map(findingOf);
  },
};
