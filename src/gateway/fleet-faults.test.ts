import { describe, expect, it } from "vitest";
import type { Provider } from "../models/index.ts";
import { deadlineFault, oversizeFault } from "../outbound/index.ts";
import { mayPass, refusalOf } from "./deployment-faults.ts";

const provider = { name: "a" } as Provider;

describe("another attempt", () => {
  it.each([
    [400, "nowhere"],
    [401, "elsewhere"],
    [404, "nowhere"],
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
    expect(mayPass(refusalOf(provider, status, undefined, { isSpent: false, waitMs: 0 }))).toBe(where);
  });

  it("may succeed after a deadline of its own, elsewhere after an answer too large, and nowhere once all time is used", () => {
    expect(mayPass(deadlineFault("headersMs", true))).toBe("here");
    expect(mayPass(oversizeFault())).toBe("elsewhere");
    expect(mayPass(deadlineFault("totalMs", true))).toBe("nowhere");
    expect(mayPass(new Error("the caller has gone"))).toBe("nowhere");
  });
});
