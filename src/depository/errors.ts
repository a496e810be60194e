// Codes of the depository's refusals and failures; those of its blobs are in blobs/.
import { faultsOf } from "../kernel/fault.ts";

/** The depository's codes, each with its HTTP status and its public meaning. */
export const depositoryCodes = {
  "artifact.not_found": [404, "There is no such artifact, or it is not one that the caller may know of."],
  "artifact.exists": [
    412,
    "The product already holds an artifact of this type with the same content (`If-None-Match: *`).",
  ],
  "artifact.unsettled": [503, "The artifact is stored and the ledger has not recorded its outcome yet."],
  "artifact.parent_not_found": [400, "`derived_from` names an artifact that the product does not hold."],
  "idempotency.conflict": [409, "The `Idempotency-Key` was used before with another body or other metadata."],
  "idempotency.in_progress": [409, "Too many requests under this `Idempotency-Key` wait for the first of them."],
  "quota.exceeded": [507, "The product's storage quota has no room for this."],
  "storage.full": [503, "The depository's storage is used up; reads go on."],
  "upload.expired": [408, "The upload took longer than the space reserved for it was kept."],
  "metadata.not_canonical": [400, "The metadata holds something that JSON cannot carry faithfully."],
  "retention.too_short": [
    400,
    "The retention class keeps the artifact for less time than its product's own class does.",
  ],
  "writes.paused": [429, "Too many writers are at work; try again after `Retry-After` seconds."],
  "range.not_satisfiable": [416, "No byte of the content lies in the requested range."],
} as const;

/** Makes a depository fault. */
export const depositoryFault = faultsOf(depositoryCodes);
