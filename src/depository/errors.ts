// Codes of the depository's refusals and failures; those of its blobs stand beside the blobs.
import { faultsOf } from "../kernel/fault.ts";

/** The depository's codes, each with its public meaning. */
export const depositoryCodes = {
  "artifact.not_found": "There is no such artifact, or it is not one that the caller may know of.",
  "artifact.exists": "The product already holds an artifact of this type with the same content (`If-None-Match: *`).",
  "artifact.unsettled": "The artifact is stored and the ledger has not recorded its outcome yet.",
  "artifact.parent_not_found": "`derived_from` names an artifact that the product does not hold.",
  "idempotency.conflict": "The `Idempotency-Key` was used before with another body or other metadata.",
  "quota.exceeded": "The product's storage quota has no room for this.",
  "storage.full": "The depository's storage is used up; reads go on.",
  "upload.expired": "The upload took longer than the space reserved for it was kept.",
  "metadata.not_canonical": "The metadata holds something that JSON cannot carry faithfully.",
  "retention.too_short": "The retention class keeps the artifact for less time than its product's own class does.",
  "writes.paused": "Too many writers are at work; try again after `Retry-After` seconds.",
  "range.not_satisfiable": "No byte of the content lies in the requested range.",
} as const;

/** Makes a depository fault. */
export const depositoryFault = faultsOf(depositoryCodes);
