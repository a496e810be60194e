import { describe, expect, it } from "vitest";
import { conditionOf } from "./conditions.ts";
import type { Condition, ConditionHeaders } from "./conditions.ts";

const etag = '"sha256:aa"';
const modifiedMs = Date.parse("2026-11-21T10:00:00.900Z");
const same = "Sat, 21 Nov 2026 10:00:00 GMT";
const before = "Sat, 21 Nov 2026 09:59:59 GMT";

const cases: readonly [string, ConditionHeaders, Condition][] = [
  ["no condition", {}, "met"],
  ["If-None-Match with the tag", { "if-none-match": etag }, "not_modified"],
  ["If-None-Match with the tag, weak, in a list", { "if-none-match": `"x", W/${etag}` }, "not_modified"],
  ["If-None-Match: *", { "if-none-match": "*" }, "not_modified"],
  ["If-None-Match with a tag that only contains it", { "if-none-match": '"xsha256:aa"' }, "met"],
  ["If-None-Match, which outranks the date", { "if-none-match": '"x"', "if-modified-since": same }, "met"],
  ["If-Match with the tag", { "if-match": `"x",${etag}` }, "met"],
  ["If-Match: *", { "if-match": "*" }, "met"],
  ["If-Match with another tag", { "if-match": '"x"' }, "failed"],
  ["If-Match with the tag, weak", { "if-match": `W/${etag}` }, "failed"],
  ["If-Match, which outranks the date", { "if-match": etag, "if-unmodified-since": before }, "met"],
  ["If-Modified-Since at the date", { "if-modified-since": same }, "not_modified"],
  ["If-Modified-Since before it", { "if-modified-since": before }, "met"],
  ["If-Modified-Since that is no date", { "if-modified-since": "yesterday" }, "met"],
  ["If-Unmodified-Since at the date", { "if-unmodified-since": same }, "met"],
  ["If-Unmodified-Since before it", { "if-unmodified-since": before }, "failed"],
];

describe("conditionOf", () => {
  it.each(cases)("evaluates %s", (_name, headers, expected) => {
    expect(conditionOf(headers, etag, modifiedMs)).toBe(expected);
  });
});
