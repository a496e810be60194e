// Breakers over the whole app, on a clock that the test moves by hand.
import { describe, expect, it } from "vitest";
import { handClock, questions, startRig } from "../support/gateway.ts";

const quick = {
  "upstream-headers-timeout-ms": "400",
  "upstream-idle-timeout-ms": "400",
};

const question = questions();

describe("a breaker", () => {
  it("opens after five failures, refuses without asking, probes after 30 s, and one good probe closes it", async () => {
    const clock = handClock();
    await using timed = await startRig({ clock, flags: { "max-attempts": "1" } });
    const call = async (): Promise<number> => (await timed.chat({ ...question(), model: "answers" })).status;
    const state = async (): Promise<{ state: string; failure_count: number }> =>
      (await timed.charter.ask("/circuit-breakers")).json["answers"];
    timed.upstream.script(Array.from({ length: 5 }, () => "500"));
    for (let i = 0; i < 5; i++) {
      expect(await call()).toBe(502);
      expect(await state()).toMatchObject({ state: i < 4 ? "closed" : "open", failure_count: i + 1 });
    }
    const { length } = timed.upstream.seen;
    const refused = await timed.chat({ ...question(), model: "answers" });
    expect([refused.status, refused.json.code]).toEqual([503, "model.unavailable"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(timed.upstream.seen).toHaveLength(length);
    clock.advance(29_999);
    expect(await call()).toBe(503);
    clock.advance(1);
    timed.upstream.script(["500"]);
    expect(await call()).toBe(502);
    expect(await state()).toMatchObject({ state: "open" });
    clock.advance(30_000);
    expect(await call()).toBe(200);
    expect(await state()).toMatchObject({ state: "closed", failure_count: 0 });
    expect(await call()).toBe(200);
  });

  it.each(["garbage", "cut-mid-stream", "stall-before-headers"])("counts %s as a failure", async (script) => {
    await using timed = await startRig({ clock: handClock(), flags: { ...quick, "max-attempts": "1" } });
    timed.upstream.script(Array.from({ length: 5 }, () => script));
    for (let i = 0; i < 5; i++) {
      await timed.chat({ ...question(), model: "answers", stream: script === "cut-mid-stream" });
    }
    expect((await timed.charter.ask("/circuit-breakers")).json["answers"]).toMatchObject({ state: "open" });
  });

  it("does not count what the request is to blame for, nor limits", async () => {
    await using timed = await startRig({ clock: handClock(), flags: { "max-attempts": "1" } });
    timed.upstream.script(["400", "404", "422", "refuse-context", "400", "400", "413"]);
    for (let i = 0; i < 7; i++) {
      expect((await timed.chat({ ...question(), model: "answers" })).json.code).toBe("upstream.refused");
    }
    expect((await timed.charter.ask("/circuit-breakers")).json["answers"]).toMatchObject({
      state: "closed",
      failure_count: 0,
    });
  });

  it("is reset by an admin and by nobody else, on record", async () => {
    await using timed = await startRig({ clock: handClock(), flags: { "max-attempts": "1" } });
    const breakOpen = async (): Promise<void> => {
      timed.upstream.script(Array.from({ length: 5 }, () => "500"));
      for (let i = 0; i < 5; i++) await timed.chat({ ...question(), model: "answers" });
      expect((await timed.chat({ ...question(), model: "answers" })).status).toBe(503);
    };
    await breakOpen();
    const paths = ["/api/v1/circuit-breakers/reset_all", "/api/v1/circuit-breakers/answers/reset"];
    for (const path of paths) {
      const { status } = await timed.charter.ask(path, { method: "POST", key: timed.productKey });
      expect(status).toBe(403);
    }
    expect((await timed.chat({ ...question(), model: "answers" })).status).toBe(503);
    for (const path of paths) {
      const { status, json } = await timed.charter.ask(path, { method: "POST" });
      expect([status, json.reset]).toEqual([200, 1]);
      expect((await timed.chat({ ...question(), model: "answers" })).status).toBe(200);
      await breakOpen();
    }
    const missing = await timed.charter.ask("/api/v1/circuit-breakers/nobody/reset", { method: "POST" });
    expect([missing.status, missing.json.code]).toEqual([404, "breaker.not_found"]);
    const resets = (await timed.leaves()).filter(
      ({ kind, operation, outcome }) =>
        kind === "outcome" && operation.startsWith("breaker.reset") && outcome === "committed",
    );
    expect(resets).toHaveLength(2);
  });
});
