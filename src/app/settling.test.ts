import { describe, expect, it, vi } from "vitest";
import { silentLog } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { Settling } from "./settling.ts";

/** Steps that note that they were done; one of them fails as long as there is something to fail with. */
function steps(failing: { with: Error | undefined }) {
  const done: string[] = [];
  const step = (name: string) => async () => void done.push(name);
  const may = async (): Promise<void> => {
    if (failing.with !== undefined) throw failing.with;
    done.push("may fail");
  };
  return { done, all: [step("before"), may, step("after")] };
}

describe("what a start settles", () => {
  it.each(["ledger.full", "db.full"])(
    "goes on from the step that had no room (%s), and does each once",
    async (code) => {
      const failing: { with: Error | undefined } = { with: new Fault(code, "no room") };
      const { all, done } = steps(failing);
      await using settling = new Settling(all, silentLog);
      expect(await settling.now()).toBe(false);
      expect(done).toEqual(["before"]);
      failing.with = undefined;
      await settling.later;
      expect(done).toEqual(["before", "may fail", "after"]);
    },
  );

  it("fails with what is not for want of room", async () => {
    const { all } = steps({ with: new Fault("db.unavailable", "gone") });
    await using settling = new Settling(all, silentLog);
    await expect(settling.now()).rejects.toMatchObject({ code: "db.unavailable" });
  });

  it("does nothing any more once it is closed", async () => {
    const failing: { with: Error | undefined } = { with: new Fault("ledger.full", "no room") };
    const { all, done } = steps(failing);
    vi.useFakeTimers();
    try {
      const settling = new Settling(all, silentLog);
      await settling.now();
      await settling[Symbol.asyncDispose]();
      failing.with = undefined;
      await vi.advanceTimersByTimeAsync(60_000);
    } finally {
      vi.useRealTimers();
    }
    expect(done).toEqual(["before"]);
  });
});
