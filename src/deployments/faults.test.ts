import { describe, expect, it } from "vitest";
import type { Provider } from "../models/index.ts";
import { modelFault } from "../models/index.ts";
import { deadlineFault, oversizeFault, UpstreamFault } from "../outbound/index.ts";
import { chargeOf, mayPass, refusalOf, StreamCutShort } from "./faults.ts";

const provider = { name: "a" } as Provider;

describe("another attempt", () => {
  it.each([
    [400, "nowhere"],
    [401, "elsewhere"],
    [404, "elsewhere"],
    [413, "nowhere"],
    [422, "nowhere"],
    [408, "here"],
    [409, "nowhere"],
    [425, "here"],
    [429, "elsewhere"],
    [500, "here"],
    [501, "elsewhere"],
    [503, "here"],
    [505, "elsewhere"],
    [529, "here"],
  ] as const)("after status %i may succeed %s", (status, where) => {
    expect(mayPass(refusalOf(provider, status, undefined), false)).toBe(where);
  });

  it("may be made after what the provider had accepted only where that is allowed", () => {
    const broken = (isAccepted: boolean): UpstreamFault =>
      new UpstreamFault("upstream.failed", "it broke", { retryable: true, reachedUpstream: true, isAccepted });
    for (const [error, allowed] of [
      [deadlineFault("headersMs", true), "here"],
      [oversizeFault(), "elsewhere"],
      [broken(true), "here"],
      [modelFault("upstream.garbled", "no reply"), "here"],
      [new StreamCutShort("upstream.garbled", "nothing said"), "here"],
    ] as const) {
      expect(mayPass(error, false), error.message).toBe("nowhere");
      expect(mayPass(error, true), error.message).toBe(allowed);
    }
    for (const error of [
      deadlineFault("connectMs", false),
      broken(false),
      modelFault("upstream.failed", "it says so"),
    ]) {
      expect(mayPass(error, false), error.message).toBe("here");
    }
    for (const error of [deadlineFault("totalMs", true), new Error("the caller has gone")]) {
      expect(mayPass(error, true)).toBe("nowhere");
    }
  });
});

describe("what a failed attempt counts", () => {
  it("follows from how far it came", () => {
    const broken = (standing: object): UpstreamFault =>
      new UpstreamFault("upstream.failed", "it broke", { retryable: true, reachedUpstream: true, ...standing });
    expect(chargeOf(deadlineFault("connectMs", false))).toBe("nothing");
    expect(chargeOf(broken({ isAccepted: false }))).toBe("nothing");
    expect(chargeOf(modelFault("upstream.failed", "it says so"))).toBe("nothing");
    expect(chargeOf(broken({ isAccepted: true }))).toBe("estimate");
    expect(chargeOf(modelFault("upstream.garbled", "no reply"))).toBe("estimate");
    expect(chargeOf(broken({ hasAnswered: true }))).toBe("all");
    expect(chargeOf(deadlineFault("headersMs", true))).toBe("all");
    expect(chargeOf(oversizeFault())).toBe("all");
    expect(chargeOf(new StreamCutShort("upstream.failed", "no end"))).toBe("all");
  });
});
