import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { silentLog } from "../kernel/ctx.ts";
import { DeniedKeys, KeyRotation } from "./provider-keys.ts";

const startMs = Date.UTC(2026, 0, 1);
const secrets = ["sk-first-aaaa", "sk-second-bbbb", "sk-third-cccc"];

/** A ring on a clock of its own, with everything it logs. */
function rig(keys: readonly string[] = secrets) {
  let nowMs = startMs;
  const lines: string[] = [];
  const write = (fields: object, message: string): void => void lines.push(JSON.stringify({ ...fields, message }));
  const log = { ...silentLog, warn: write, error: write };
  const ring = new KeyRotation({ provider: "acme", secrets: keys, clock: { nowMs: () => nowMs }, log });
  const take = () => ring.take()!;
  return { ring, take, lines, pass: (ms: number) => (nowMs += ms) };
}

describe("a ring of keys", () => {
  it("uses its keys in turn", () => {
    const { take } = rig();
    expect([1, 2, 3, 4].map(() => take().secret)).toEqual([...secrets, secrets[0]]);
  });

  it("leaves a limited key alone as long as the provider said, and uses the others meanwhile", () => {
    const { ring, take, pass } = rig();
    const key = take();
    expect(ring.answered(key, "rate", { "retry-after": "7" })).toBe(true);
    expect([1, 2, 3, 4].map(() => take().index)).toEqual([1, 2, 1, 2]);
    pass(6999);
    expect([take().index, take().index]).not.toContain(0);
    pass(1);
    expect([1, 2, 3].map(() => take().index)).toContain(0);
  });

  it("leaves a refused key alone for five minutes and reports it", () => {
    const { ring, take, lines, pass } = rig();
    ring.answered(take(), "key", {}, 401);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ provider: "acme", key: 0, status: 401 });
    expect(ring.statuses()[0]).toMatchObject({ state: "refused", restsUntilMs: startMs + 300_000 });
    pass(299_999);
    expect([take().index, take().index]).not.toContain(0);
    pass(1);
    expect(ring.statuses()[0]).toMatchObject({ state: "ready", restsUntilMs: null });
  });

  it("says when the first key is back when all of them rest", () => {
    const { ring, take, pass } = rig();
    expect(ring.answered(take(), "rate", { "retry-after": "60" })).toBe(true);
    expect(ring.answered(take(), "key", {})).toBe(true);
    expect(ring.answered(take(), "rate", { "retry-after": "20" })).toBe(false);
    expect(ring.take()).toBeUndefined();
    expect(ring.readyInMs).toBe(20_000);
    pass(20_000);
    expect(ring.readyInMs).toBe(0);
    expect(take().index).toBe(2);
  });

  it("says why the key rests that is back first", () => {
    const { ring, take } = rig();
    ring.answered(take(), "rate", { "retry-after": "200" });
    ring.answered(take(), "quota", {});
    ring.answered(take(), "key", {});
    expect(ring.restReason).toBe("limited");
    const { ring: poor } = rig([secrets[0]!]);
    poor.answered(poor.take()!, "quota", {});
    expect(poor.restReason).toBe("spent");
    const { ring: unknown } = rig([secrets[0]!]);
    unknown.answered(unknown.take()!, "key", {});
    expect(unknown.restReason).toBe("refused");
  });

  it("asks a key last where it was denied, for five minutes and nowhere else", () => {
    const { ring, take, lines, pass } = rig();
    const [here, elsewhere] = [new DeniedKeys(), new DeniedKeys()];
    expect(ring.wasDenied(take(), here, "large")).toBe(true);
    expect([1, 2, 3].map(() => ring.take(here)!.index)).toEqual([1, 2, 1]);
    expect([1, 2, 3].map(() => ring.take(elsewhere)!.index)).toEqual([2, 0, 1]);
    expect(ring.statuses().every(({ state }) => state === "ready")).toBe(true);
    expect(JSON.parse(lines[0]!)).toMatchObject({ provider: "acme", deployment: "large", key: 0 });
    pass(300_000);
    expect([1, 2, 3].map(() => ring.take(here)!.index)).toContain(0);
  });

  it("turns to denied keys when nobody else is left, and forgets the denial when one is let in", () => {
    const { ring } = rig();
    const here = new DeniedKeys();
    const first = ring.take(here)!;
    expect(ring.wasDenied(first, here, "large")).toBe(true);
    ring.answered(ring.take(here)!, "rate", {});
    expect(ring.wasDenied(ring.take(here)!, here, "large")).toBe(false);
    expect([1, 2, 3].map(() => ring.take(here)!.index)).toEqual([0, 2, 0]);
    here.delete(first);
    expect([1, 2, 3].map(() => ring.take(here)!.index)).toEqual([0, 0, 0]);
  });

  it("is not woken up by an answer that asks for less", () => {
    const { ring, take, lines } = rig();
    const key = take();
    ring.answered(key, "rate", { "retry-after": "60" });
    ring.answered(key, "rate", { "retry-after": "1" });
    ring.answered(key, "failed", {});
    expect(ring.statuses()[0]).toMatchObject({ restsUntilMs: startMs + 60_000 });
    expect(lines).toHaveLength(1);
  });

  it("learns nothing about keys from other answers", () => {
    const { ring, take } = rig();
    for (const verdict of ["context", "missing", "size", "form", "refused", "overloaded", "failed"] as const) {
      expect(ring.answered(take(), verdict, {})).toBe(false);
    }
    expect(ring.statuses().every(({ state }) => state === "ready")).toBe(true);
  });

  it("without keys has one empty key, which rests as well", () => {
    const { ring, take } = rig([]);
    expect(ring.size).toBe(1);
    const key = take();
    expect(key.secret).toBeUndefined();
    expect(ring.answered(key, "rate", {})).toBe(false);
    expect(ring.take()).toBeUndefined();
    expect(ring.readyInMs).toBe(10_000);
    expect(ring.statuses()[0]).toMatchObject({ name: null, state: "limited" });
  });

  it("never shows a key: not in its log, its listing, or to inspect and JSON", () => {
    const { ring, take, lines } = rig();
    const key = take();
    ring.answered(key, "key", {});
    ring.answered(take(), "rate", {});
    const shown = [
      ...lines,
      JSON.stringify(ring.statuses()),
      JSON.stringify(key),
      inspect(ring, { depth: 9 }),
      inspect(key),
    ];
    expect(lines).toHaveLength(2);
    for (const text of shown) for (const secret of secrets) expect(text).not.toContain(secret.slice(-4));
    const names = ring.statuses().map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
    expect(lines[0]).toContain(names[0]);
  });
});
