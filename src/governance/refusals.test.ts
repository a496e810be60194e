import { describe, expect, it } from "vitest";
import { anonymous, silentLog } from "../kernel/ctx.ts";
import type { Ctx, Principal } from "../kernel/ctx.ts";
import { systemClock } from "../kernel/clock.ts";
import { newId } from "../kernel/ids.ts";
import { Refusals } from "./refusals.ts";

let nowMs = 0;
const caller = (id: string, principal?: Principal): Ctx => ({
  principal: principal ?? { id, kind: "product", product: "AI_ASSISTANT", role: "observer" },
  operation: "artifact.create",
  permission: "task.create",
  address: "",
  requestId: newId<"request">(systemClock),
  signal: new AbortController().signal,
  clock: { nowMs: () => nowMs },
  log: silentLog,
});
const counting = () => new Refusals({ refusalsMax: 3, refusalsWindowSeconds: 10 });
const counted = (refusals: Refusals, id: string, times: number) =>
  Array.from({ length: times }, () => refusals.count(caller(id))?.threat);

describe("refusals", () => {
  it("are a finding when a credential has had so many within the window, once", () => {
    const found = "gate.repeated_refusal";
    expect(counted(counting(), "key_a", 5)).toEqual([undefined, undefined, found, undefined, undefined]);
  });

  it("are counted for each credential, and anew in each window", () => {
    const refusals = counting();
    expect([...counted(refusals, "key_a", 2), ...counted(refusals, "key_b", 2)]).toEqual(Array(4).fill(undefined));
    nowMs += 10_000;
    expect(counted(refusals, "key_a", 2)).toEqual([undefined, undefined]);
  });

  it("of callers without a credential are nobody's", () => {
    const refusals = counting();
    for (let i = 0; i < 10; i++) expect(refusals.count(caller("", anonymous))).toBeUndefined();
  });

  it("are forgotten in the order in which they began, when there are too many credentials", () => {
    const refusals = counting();
    counted(refusals, "key_first", 2);
    counted(refusals, "key_second", 2);
    for (let i = 0; i < 9_999; i++) counted(refusals, `key_${i}`, 1);
    expect(counted(refusals, "key_second", 1)).toEqual(["gate.repeated_refusal"]);
    expect(counted(refusals, "key_first", 1)).toEqual([undefined]);
  });
});
