import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import { defaultConstitutionDir, loadConstitution } from "./disk.ts";
import {
  allowsType,
  checkArtifactSize,
  queryBand,
  quotaState,
  storageStatus,
  throughputBand,
  writersBand,
} from "./limits.ts";
import { retainUntil } from "./retention.ts";

const { data } = loadConstitution(defaultConstitutionDir());
const gigabyte = 1_000_000_000;

describe("an artifact's size", () => {
  it.each([
    [0, true, false],
    [10_000_000, true, false],
    [10_000_001, true, true],
    [100_000_000, true, true],
    [524_288_000, true, true],
    [524_288_001, false, true],
    [600_000_000, false, true],
  ])("of %i bytes is allowed: %s, large: %s", (sizeBytes, allowed, large) => {
    expect(checkArtifactSize(data, sizeBytes)).toMatchObject({ allowed, large, maxBytes: 524_288_000 });
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    "is refused as a number when it is %s",
    (sizeBytes) => {
      expect(() => checkArtifactSize(data, sizeBytes)).toThrow(expect.objectContaining({ code: "limit.not_a_number" }));
    },
  );
});

describe("storage", () => {
  const total = 1000 * gigabyte;
  it.each([
    [0, "HEALTHY", "HEALTHY", "GREEN", "none", "NONE", false],
    [700 * gigabyte - 1, "HEALTHY", "HEALTHY", "GREEN", "none", "NONE", false],
    [700 * gigabyte, "WARNING", "CAUTION", "YELLOW", "Ops_Team", "6_HOURS", false],
    [750 * gigabyte, "WARNING", "CAUTION", "YELLOW", "Ops_Team", "6_HOURS", false],
    [900 * gigabyte - 1, "WARNING", "CAUTION", "YELLOW", "Ops_Team", "6_HOURS", false],
    [900 * gigabyte, "CRITICAL", "WARNING", "ORANGE", "Ops_Team", "6_HOURS", false],
    [950 * gigabyte, "CRITICAL", "WARNING", "ORANGE", "Ops_Team", "6_HOURS", false],
    [990 * gigabyte - 1, "CRITICAL", "WARNING", "ORANGE", "Ops_Team", "6_HOURS", false],
    [990 * gigabyte, "CRITICAL", "CRITICAL", "RED", "Owner+Ops_Team", "1_HOUR", false],
    [1000 * gigabyte - 1, "CRITICAL", "CRITICAL", "RED", "Owner+Ops_Team", "1_HOUR", false],
    [1000 * gigabyte, "HALTED", "CRITICAL", "RED", "Owner+Ops_Team", "IMMEDIATE", true],
    [1001 * gigabyte, "HALTED", "CRITICAL", "RED", "Owner+Ops_Team", "IMMEDIATE", true],
  ])("at %i bytes is %s, %s, %s", (used, status, level, band, path, timeline, halted) => {
    expect(storageStatus(data, used, total)).toMatchObject({
      status,
      level,
      band,
      escalation_path: path,
      response_timeline: timeline,
      writes_halted: halted,
    });
  });

  it("answers the published example exactly", () => {
    expect(storageStatus(data, 750 * gigabyte)).toEqual({
      status: "WARNING",
      level: "CAUTION",
      band: "YELLOW",
      usage_percent: 75,
      used_bytes: 750 * gigabyte,
      total_bytes: 1000 * gigabyte,
      free_bytes: 250 * gigabyte,
      escalation_path: "Ops_Team",
      response_timeline: "6_HOURS",
      writes_halted: false,
    });
  });

  it("is exact where a double would round, never shows an edge before it is reached, and takes nothing for full", () => {
    const huge = Number.MAX_SAFE_INTEGER;
    expect(storageStatus(data, huge - 1, huge)).toMatchObject({ status: "CRITICAL", usage_percent: 99.99 });
    expect(storageStatus(data, huge, huge)).toMatchObject({ status: "HALTED", usage_percent: 100 });
    expect(storageStatus(data, 0, 0)).toMatchObject({ status: "HALTED", usage_percent: 100, free_bytes: 0 });
  });
});

describe("bands", () => {
  it.each([
    [0, "GREEN"],
    [50, "GREEN"],
    [51, "YELLOW"],
    [75, "YELLOW"],
    [76, "ORANGE"],
    [99, "ORANGE"],
    [100, "RED"],
  ])("of %i writers is %s", (writers, band) => expect(writersBand(data, writers)).toBe(band));

  it.each([
    [500, "GREEN"],
    [500.1, "YELLOW"],
    [800, "YELLOW"],
    [801, "ORANGE"],
    [1000, "ORANGE"],
    [1000.1, "RED"],
  ])("of %d writes per second is %s", (rate, band) => expect(throughputBand(data, rate)).toBe(band));

  it.each([
    [99.9, "GREEN"],
    [100, "YELLOW"],
    [199.9, "YELLOW"],
    [200, "ORANGE"],
    [500, "ORANGE"],
    [500.1, "RED"],
  ])("of a p99 of %d ms is %s", (p99Ms, band) => expect(queryBand(data, p99Ms)).toBe(band));

  it("refuse what is not a measured value", () => {
    expect(() => queryBand(data, Number.NaN)).toThrow(expect.objectContaining({ code: "limit.not_a_number" }));
  });
});

describe("a product's quota", () => {
  const quota = 200 * gigabyte;
  it.each([
    [0, 0, "HEALTHY", true],
    [0.9 * quota - 1, 0, "HEALTHY", true],
    [0.9 * quota, 0, "WARNING", true],
    [quota - 10, 10, "WARNING", true],
    [quota - 10, 11, "WARNING", false],
    [quota, 0, "FULL", true],
    [quota, 1, "FULL", false],
  ])("with %i used and %i coming is %s, fits: %s", (used, adding, state, fits) => {
    expect(quotaState(data, "GURUKUL", used, adding)).toMatchObject({ state, fits, quota_bytes: quota });
  });

  it.each(["NOPE", "constructor", "__proto__"])("does not exist for the unregistered product %s", (product) => {
    expect(quotaState(data, product, 0)).toMatchObject({ state: "UNREGISTERED", fits: false });
    expect(allowsType(data, product, "ConversationArtifact")).toBe(false);
  });

  it("comes with a list of artifact types", () => {
    expect(allowsType(data, "AI_ASSISTANT", "ConversationArtifact")).toBe(true);
    expect(allowsType(data, "AI_ASSISTANT", "MediaArtifact")).toBe(false);
  });
});

describe("retention", () => {
  it.each([
    ["default", "2026-01-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z"],
    ["default", "2028-01-01T00:00:00.000Z", "2028-03-31T00:00:00.000Z"],
    ["decision_record", "2026-01-01T12:30:00.000Z", "2026-07-04T12:30:00.000Z"],
    ["ledger", "2026-11-21T23:59:59.999Z", "2033-11-21T23:59:59.999Z"],
    ["ledger", "2024-02-29T08:00:00.000Z", "2031-03-01T08:00:00.000Z"],
    ["ledger", "2021-02-28T08:00:00.000Z", "2028-02-28T08:00:00.000Z"],
    ["ledger", "2096-02-29T00:00:00.000Z", "2103-03-01T00:00:00.000Z"],
  ])("of class %s from %s ends at %s", (retentionClass, from, until) => {
    expect(new Date(retainUntil(data, retentionClass, Date.parse(from))).toISOString()).toBe(until);
  });

  it("of the ledger is never shorter than seven times 365 days and a leap day", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (fromMs) => {
        const days = (retainUntil(data, "ledger", fromMs) - fromMs) / 86_400_000;
        return days === 2556 || days === 2557 || (days === 2555 && new Date(fromMs).getUTCFullYear() > 2092);
      }),
    );
  });

  it.each(["nope", "constructor"])("of the unknown class %s is refused with those that are known", (retentionClass) => {
    expect(() => retainUntil(data, retentionClass, 0)).toThrow(
      expect.objectContaining({
        code: "retention.class_unknown",
        facts: { remedy: expect.stringContaining("decision_record") },
      }),
    );
  });

  it("beyond the calendar is refused", () => {
    expect(() => retainUntil(data, "ledger", 8_640_000_000_000_000)).toThrow(/beyond the calendar/);
    expect(() => retainUntil(data, "default", Number.NaN)).toThrow(/beyond the calendar/);
  });
});
