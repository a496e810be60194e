import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { samplesOf, total } from "../../test/support/gateway/scripted-calls.ts";
import { silentLog } from "../kernel/ctx.ts";
import { PrometheusMeter } from "../telemetry/prometheus-meter.ts";
import { openDatabase } from "./index.ts";

describe("the metrics of the database", () => {
  it("count transactions by durability, the commits that they share, those that fail, and those that wait", async () => {
    const folder = await mkdtemp(join(tmpdir(), "charter-db-metrics-"));
    try {
      using meter = new PrometheusMeter(silentLog);
      const database = await openDatabase({ kind: "sqlite", file: join(folder, "test.db") }, silentLog, meter);
      const waiting = Array.from({ length: 10 }, () => database.transact(async () => {}));
      expect(total(samplesOf(await meter.text()), "charter_db_pending_transactions")).toBe(10);
      await Promise.all(waiting);
      await database.transact(async () => {}, "relaxed");
      const given = database.transact(async () => {
        throw new Error("given up");
      });
      await expect(given).rejects.toThrow("given up");
      await database[Symbol.asyncDispose]();
      await expect(database.transact(async () => {})).rejects.toMatchObject({ code: "db.unavailable" });
      const samples = samplesOf(await meter.text());
      const done = "charter_db_transaction_duration_seconds_count";
      expect(total(samples, done, { durability: "durable" })).toBe(10);
      expect(total(samples, done, { durability: "relaxed" })).toBe(1);
      expect(total(samples, "charter_db_commit_duration_seconds_count")).toBeLessThan(10);
      expect(total(samples, "charter_db_transaction_errors_total", { error_type: "other" })).toBe(1);
      expect(total(samples, "charter_db_transaction_errors_total", { error_type: "db.unavailable" })).toBe(1);
      expect(total(samples, "charter_db_pending_transactions")).toBe(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
