import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { silentLog } from "../kernel/ctx.ts";
import { Sweeping, sweepEveryMs } from "./sweeping.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failing = { module: "broken", sweep: () => Promise.reject(new Error("always fails")) };

it("sweeps everything, whatever else fails, and says what does", async () => {
  let swept = 0;
  const warn = vi.fn();
  const other = { module: "sound", sweep: async () => void swept++ };
  await using _sweeping = new Sweeping([failing, other, failing, other], { ...silentLog, warn });
  await vi.advanceTimersByTimeAsync(3 * sweepEveryMs);
  expect(swept).toBe(6);
  expect(warn.mock.calls.map(([fields]) => fields.module)).toEqual(Array.from({ length: 6 }, () => "broken"));
});

it("begins none while one is under way, and is over only when that is", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = vi.fn(() => promise);
  const sweeping = new Sweeping([{ module: "slow", sweep: slow }], silentLog);
  await vi.advanceTimersByTimeAsync(5 * sweepEveryMs);
  expect(slow).toHaveBeenCalledTimes(1);
  let isOver = false;
  const closed = sweeping[Symbol.asyncDispose]().then(() => (isOver = true));
  await vi.advanceTimersByTimeAsync(0);
  expect(isOver).toBe(false);
  resolve();
  await closed;
  await vi.advanceTimersByTimeAsync(5 * sweepEveryMs);
  expect(slow).toHaveBeenCalledTimes(1);
});
