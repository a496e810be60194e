import { describe, expect, it } from "vitest";
import { noWishes, readCacheControl } from "./cache-control.ts";

describe("what a caller asks of the cache", () => {
  const cases: readonly (readonly [string | undefined, object])[] = [
    [undefined, {}],
    ["", {}],
    [", ,=,", {}],
    ["no-store", { noStore: true }],
    ["No-Store , NO-CACHE", { noStore: true, noCache: true }],
    ["no-cache=foo", { noCache: true }],
    ["only-if-cached", { onlyIfCached: true }],
    ["max-age=60", { maxAgeSeconds: 60 }],
    ['max-age="60"', { maxAgeSeconds: 60 }],
    ["max-age = 60", { maxAgeSeconds: 60 }],
    ["max-age=60, max-age=5, max-age=90", { maxAgeSeconds: 5 }],
    ["max-age=0", { maxAgeSeconds: 0, noCache: true }],
    ["max-age", { maxAgeSeconds: 0, noCache: true }],
    ["max-age=-1", { maxAgeSeconds: 0, noCache: true }],
    ["max-age=1e3", { maxAgeSeconds: 0, noCache: true }],
    ["max-age=99999999999", { maxAgeSeconds: 0, noCache: true }],
    ["max-stale=5, min-fresh=1, no-transform, no-stores, xno-store", {}],
  ];
  for (const [header, wishes] of cases) {
    it(`is read from ${JSON.stringify(header) ?? "no header"}`, () => {
      expect(readCacheControl(header)).toEqual({ ...noWishes, ...wishes });
    });
  }
});
