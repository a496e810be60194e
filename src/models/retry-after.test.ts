import { describe, expect, it } from "vitest";
import { restMs, saidRestMs } from "./retry-after.ts";

const nowMs = Date.UTC(2026, 10, 21, 12, 0, 0);

describe("how long a provider asks to be left alone", () => {
  const said: readonly [string, Record<string, string>, number | undefined][] = [
    ["seconds", { "retry-after": "7" }, 7000],
    ["a fraction of seconds", { "retry-after": "0.5" }, 500],
    ["an HTTP date", { "retry-after": "Sat, 21 Nov 2026 12:00:30 GMT" }, 30_000],
    ["an HTTP date that is over", { "retry-after": "Sat, 21 Nov 2026 11:00:00 GMT" }, 0],
    ["milliseconds, before seconds", { "retry-after-ms": "1500", "retry-after": "2" }, 1500],
    ["a length of time of the exhausted limit", { "x-ratelimit-reset-tokens": "6m0s" }, 360_000],
    ["a length of time in all its parts", { "x-ratelimit-reset-requests": "1h2m3.5s" }, 3_723_500],
    ["milliseconds as a length of time", { "x-ratelimit-reset-requests": "20ms" }, 20],
    ["plain seconds", { "x-ratelimit-reset": "12" }, 12_000],
    ["an instant in seconds", { "x-ratelimit-reset": String(nowMs / 1000 + 5) }, 5000],
    ["an instant in milliseconds", { "x-ratelimit-reset": String(nowMs + 5000) }, 5000],
    ["an instant as RFC 3339", { "anthropic-ratelimit-tokens-reset": "2026-11-21T12:00:09Z" }, 9000],
    [
      "only limits that are exhausted",
      {
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1h",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "3s",
      },
      3000,
    ],
    ["the longest of several", { "x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "4s" }, 4000],
    ["nothing", {}, undefined],
    ["nothing that can be read", { "retry-after": "soon", "x-ratelimit-reset": "", "retry-after-ms": "-3" }, undefined],
    ["nothing that is a number to JavaScript only", { "retry-after": "0x10" }, undefined],
  ];
  for (const [what, headers, ms] of said) {
    it(`is read from ${what}`, () => expect(saidRestMs(headers, nowMs)).toBe(ms));
  }

  it("is believed between 1 and 300 seconds, and 10 when nothing is said", () => {
    expect(restMs({ "retry-after": "0" }, nowMs)).toBe(1000);
    expect(restMs({ "retry-after": "86400" }, nowMs)).toBe(300_000);
    expect(restMs({}, nowMs)).toBe(10_000);
  });
});
