// `Range` (RFC 9110 section 14): one byte range, from the start or from the end. Several ranges, other units and
// malformed values are ignored, as the RFC allows, and the whole content is sent.

/** What a Range header asks of content of a known size. */
export type RangeAnswer =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "unsatisfiable" };

/** Reads a Range header against content of `sizeBytes`; both ends of a part are inclusive. */
export function rangeOf(header: string | undefined, sizeBytes: number): RangeAnswer {
  const match = header === undefined ? null : /^bytes=(\d{0,16})-(\d{0,16})$/i.exec(header.trim());
  if (!match || (match[1] === "" && match[2] === "")) return { kind: "whole" };
  const [, from = "", to = ""] = match;
  if (from === "") {
    const suffix = Number(to);
    if (suffix === 0 || sizeBytes === 0) return { kind: "unsatisfiable" };
    return { kind: "part", first: Math.max(0, sizeBytes - suffix), last: sizeBytes - 1 };
  }
  const first = Number(from);
  const last = to === "" ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (to !== "" && Number(to) < first) return { kind: "whole" };
  return first >= sizeBytes ? { kind: "unsatisfiable" } : { kind: "part", first, last };
}
