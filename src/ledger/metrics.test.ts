import { describe, expect, it } from "vitest";
import { samplesOf, total } from "../../test/support/gateway/scripted-calls.ts";
import {
  failingDisk,
  intentLeaf,
  ledgerFolder,
  outcomeLeaf,
  systemError,
} from "../../test/support/ledger/ledger-folder.ts";
import { silentLog } from "../kernel/ctx.ts";
import { PrometheusMeter } from "../telemetry/prometheus-meter.ts";

describe("the metrics of the ledger", () => {
  it("count appends and leaves, and several appends of one commit", async () => {
    using meter = new PrometheusMeter(silentLog);
    await using folder = await ledgerFolder();
    await using log = await folder.open({ meter });
    const all = Promise.all(Array.from({ length: 20 }, (_, at) => log.append([intentLeaf(at)])));
    // The first commit begins in a later turn of the event loop.
    const waiting = samplesOf(await meter.text());
    await all;
    await log.append([outcomeLeaf(0), outcomeLeaf(1)]);
    expect(total(waiting, "charter_ledger_waiting_appends")).toBe(20);
    expect(total(waiting, "charter_ledger_waiting_bytes")).toBeGreaterThan(2000);
    const samples = samplesOf(await meter.text());
    expect(total(samples, "charter_ledger_append_duration_seconds_count")).toBe(21);
    expect(total(samples, "charter_ledger_leaves_total", { kind: "intent" })).toBe(20);
    expect(total(samples, "charter_ledger_leaves_total", { kind: "outcome" })).toBe(2);
    expect(total(samples, "charter_ledger_commit_duration_seconds_count")).toBeLessThanOrEqual(4);
    expect(total(samples, "charter_ledger_entries")).toBe(22);
    expect(total(samples, "charter_ledger_unpublished_entries")).toBe(22);
    expect(total(samples, "charter_ledger_waiting_appends")).toBe(0);
    expect(total(samples, "charter_ledger_waiting_bytes")).toBe(0);
    expect(await log.publish()).toBe(true);
    expect(total(samplesOf(await meter.text()), "charter_ledger_unpublished_entries")).toBe(0);
  });

  it("count what could not be written by code, and show the state", async () => {
    using meter = new PrometheusMeter(silentLog);
    await using folder = await ledgerFolder();
    const disk = failingDisk();
    await using log = await folder.open({ openJournalFile: disk.open, meter });
    disk.syncError = systemError("EIO");
    await expect(log.append([intentLeaf(0)])).rejects.toMatchObject({ code: "ledger.unavailable" });
    await expect(log.append([intentLeaf(1)])).rejects.toMatchObject({ code: "ledger.unavailable" });
    const samples = samplesOf(await meter.text());
    expect(total(samples, "charter_ledger_append_errors_total", { error_type: "ledger.unavailable" })).toBe(2);
    expect(total(samples, "charter_ledger_append_duration_seconds_count")).toBe(0);
    expect(total(samples, "charter_ledger_state", { state: "unavailable" })).toBe(1);
    expect(total(samples, "charter_ledger_state", { state: "open" })).toBe(0);
  });
});
