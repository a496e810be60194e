// T2: a request says something about itself that is forged, hidden, or made to break a later reader.
//
// Each pattern is reported once, at the first place where it is seen, so hostile input cannot make the answer long.
// Values are never searched for words such as `DROP TABLE`: statements are parameterised and pages are escaped, and text
// that talks about an attack is not one.
import type { HiddenText } from "./hidden-search.ts";
import { hiddenInName, hiddenInValue } from "./hidden-text.ts";
import { mediaTypeMismatch } from "./media-type.ts";
import { pointerOf, walkJson } from "./metadata-walk.ts";
import type { Place, Visitor } from "./metadata-walk.ts";
import { findingOf } from "./threat.ts";
import type { Circumstances, Detector, FindingDraft } from "./threat.ts";

const threat = "T2_METADATA_POISONING";

/** Finds forged, hidden and breaking metadata. */
export const metadataPoisoning: Detector = {
  id: threat,
  summary: "Forged provenance, declarations that are not true, or metadata made to mislead or break its readers.",
  looksAt: "request",
  detect(input) {
    const drafts = [...forgeries(input), ...untrueContent(input), ...untrueTime(input)];
    if (input.metadata !== undefined) drafts.push(...poison(input.metadata, input));
    return drafts.map(findingOf);
  },
};

/** Names of the server's own fields, without case and separators: those that say whose a thing is, and the rest. */
const ownershipFields = new Set(["createdby", "owner", "ownerid", "principal", "principalid"]);
const recordFields = new Set([
  "artifactid",
  "createdat",
  "updatedat",
  "contenthash",
  "sizebytes",
  "intentindex",
  "outcomeindex",
]);

/** Whether a field is one that only the server may set, however it is spelled (`created_by`, `createdBy`, `Created-By`). */
export function isServerOwned(field: string): boolean {
  const name = plainName(field);
  return ownershipFields.has(name) || recordFields.has(name);
}

function plainName(field: string): string {
  return field.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

function forgeries({ client }: Circumstances): FindingDraft[] {
  const fields = client.serverOwnedFields;
  const owner = fields.find((field) => ownershipFields.has(plainName(field)));
  const other = fields.find((field) => !ownershipFields.has(plainName(field)));
  const drafts: FindingDraft[] = [];
  if (owner !== undefined) {
    const detail = "The request sets who made or owns the artifact; the server takes that from the credential.";
    drafts.push({ threat, severity: "CRITICAL", pattern: "forged_owner", action: "reject", detail });
  }
  if (other !== undefined) {
    const detail = "The request sets a field that only the server sets.";
    drafts.push({ threat, severity: "HIGH", pattern: "server_owned_field", action: "reject", detail });
  }
  return drafts;
}

function untrueContent({ content }: Circumstances): FindingDraft[] {
  const { declaredDigest, actualDigest, declaredBytes, actualBytes, declaredMediaType, firstBytesHex } = content;
  const drafts: FindingDraft[] = [];
  if (declaredDigest !== undefined && actualDigest !== undefined && declaredDigest !== actualDigest) {
    const detail = "The content does not hash to the declared digest.";
    drafts.push({ threat, severity: "HIGH", pattern: "digest_mismatch", action: "reject", detail });
  }
  if (declaredBytes !== undefined && actualBytes !== undefined && declaredBytes !== actualBytes) {
    const detail = "The content is not as long as declared.";
    drafts.push({ threat, severity: "HIGH", pattern: "size_mismatch", action: "reject", detail });
  }
  const mismatch =
    declaredMediaType !== undefined && firstBytesHex !== undefined
      ? mediaTypeMismatch(declaredMediaType, firstBytesHex)
      : undefined;
  if (mismatch) {
    const detail = `The content ${mismatch}, which does not fit the declared media type.`;
    drafts.push({ threat, severity: "MEDIUM", pattern: "media_type_mismatch", action: "flag", detail });
  }
  return drafts;
}

function untrueTime({ client, nowMs, limits }: Circumstances): FindingDraft[] {
  if (client.timestamp === undefined) return [];
  const timeMs = instantOf(client.timestamp);
  const base = { threat, severity: "HIGH", action: "reject" } as const;
  if (timeMs === undefined) {
    const detail = "The timestamp is not an RFC 3339 date and time with an offset.";
    return [{ ...base, pattern: "invalid_timestamp", detail }];
  }
  if (Math.abs(nowMs - timeMs) <= limits.clockSkewMs) return [];
  const backdated = timeMs < nowMs;
  const detail = `The timestamp is more than ${limits.clockSkewMs / 1000} seconds ${backdated ? "behind" : "ahead of"} the server's clock.`;
  return [{ ...base, pattern: backdated ? "backdated_timestamp" : "postdated_timestamp", detail }];
}

/** Milliseconds since the epoch of an RFC 3339 text; undefined for anything else. */
function instantOf(timestamp: unknown): number | undefined {
  if (typeof timestamp !== "string" || timestamp.length > 40) return undefined;
  if (!/^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(timestamp)) return undefined;
  // RFC 3339 allows a leap second, which has no number in Unix time.
  const timeMs = Date.parse(timestamp.toUpperCase().replace(/:60(?=[.Z+-])/, ":59"));
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** What is wrong in the metadata itself, each pattern once. */
function poison(metadata: unknown, { limits }: Circumstances): FindingDraft[] {
  const drafts = new Map<string, FindingDraft>();
  const found = (pattern: string, severity: FindingDraft["severity"], detail: string, place?: Place): void => {
    if (drafts.has(pattern)) return;
    drafts.set(pattern, {
      threat,
      severity,
      pattern,
      action: "reject",
      detail,
      ...(place ? { at: pointerOf(place) } : {}),
    });
  };
  const hidden = (what: HiddenText, where: string, place: Place): void => {
    if (what) found(what, "HIGH", `${where} ${hiddenDetails[what]}.`, place);
  };
  const tooLong = (place: Place): void =>
    found("field_too_large", "MEDIUM", `A field is longer than ${limits.metadataFieldBytes} bytes.`, place);

  const visitor: Visitor = {
    name(place, value) {
      if (Buffer.byteLength(place.key) > limits.metadataFieldBytes) return tooLong(place);
      if (reachesPrototype(place.key, value)) {
        found("prototype_key", "CRITICAL", "A field is named so that it would reach an object's prototype.", place);
      }
      return hidden(hiddenInName(place.key), "The name of a field", place);
    },
    scalar(place, value) {
      if (typeof value === "string") {
        if (Buffer.byteLength(value) > limits.metadataFieldBytes) return tooLong(place);
        return hidden(hiddenInValue(value), "A text", place);
      }
      if (!hasCanonicalForm(value)) {
        found("not_canonical", "MEDIUM", "A value is not a JSON number that every reader understands alike.", place);
      }
      return undefined;
    },
  };
  const walked = walkJson(metadata, visitor, limits.metadataBytes, limits.metadataDepth);

  for (const [field, bytes] of walked.fieldBytes) {
    if (bytes > limits.metadataFieldBytes) tooLong(topLevel(field));
  }
  if (walked.bytes > limits.metadataBytes) {
    found("metadata_explosion", "MEDIUM", `The metadata is longer than ${limits.metadataBytes} bytes.`);
  }
  if (walked.stopped?.bound === "depth")
    found("too_deep", "MEDIUM", "The metadata is nested too deeply.", walked.stopped.place);
  if (walked.stopped?.bound === "nodes")
    found("too_many_nodes", "MEDIUM", "The metadata has too many fields and elements.");
  return [...drafts.values()];
}

const hiddenDetails: Record<Exclude<HiddenText, undefined>, string> = {
  bidi_control: "holds direction controls that make it read differently than it is stored",
  zero_width: "holds invisible characters",
  control_character: "holds a control character",
  lone_surrogate: "is not well-formed Unicode",
};

/**
 * `__proto__` is never honest. `constructor` and `prototype` are words, and pollute only when a merge descends through
 * them, so they are refused only with an object behind them.
 */
function reachesPrototype(key: string, value: unknown): boolean {
  if (key === "__proto__") return true;
  return (key === "constructor" || key === "prototype") && typeof value === "object" && value !== null;
}

/** As RFC 8785 and the kernel's canonical JSON have it. */
function hasCanonicalForm(value: unknown): boolean {
  if (typeof value !== "number") return value === null || typeof value === "boolean";
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

function topLevel(field: string): Place {
  const root: Place = { key: "", parent: undefined, depth: 1, field: "" };
  return field === "" ? root : { key: field, parent: root, depth: 2, field };
}
