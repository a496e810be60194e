// What is stored of responses in the background, on both databases: places, events, and that each has one end.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onBothDialects, unreliable } from "../../test/contract/databases.ts";
import type { DatabasePlace } from "../../test/contract/databases.ts";
import type { UnreliableDatabase } from "../../test/support/storage/unreliable-database.ts";
import { actOn } from "../../test/support/storage/acts.ts";
import { silentLog } from "../kernel/ctx.ts";
import { BackgroundEnds } from "./background-ends.ts";
import { backgroundMigrations, BackgroundStore } from "./background-store.ts";
import type { End } from "./background-store.ts";
import { sweepKept, useMigrations } from "./kept-use.ts";
import { responseMigrations, ResponseStore } from "./store.ts";
import type { NewResponse } from "./store.ts";

const begun = (id: string): NewResponse => ({
  id,
  previousId: null,
  createdMs: 1,
  expiresMs: 100,
  input: "[]",
  response: `{"id":"${id}","status":"in_progress"}`,
  itemIds: [],
});
const endOf = (id: string, status: string): End => ({
  answer: {
    id,
    expiresMs: 100,
    response: `{"id":"${id}","status":"${status}","output":[{"id":"msg_${id}"}]}`,
    itemIds: [`msg_${id}`],
  },
  event: (sequence) => `end ${status} ${sequence}`,
});
/** Most that an owner keeps here, bytes: some twenty of these responses. */
const mostBytes = 5000;
const run = { runner: "r", leaseMs: 0, places: 2, events: ["one", "two"], eventsExpireMs: 60 };

onBothDialects((name, places) => {
  describe(`responses in the background on ${name}`, () => {
    let place: DatabasePlace;
    let database: UnreliableDatabase;
    let kept: ResponseStore;
    let store: BackgroundStore;
    beforeAll(async () => {
      place = await unreliable(places)();
      database = (await place.open()) as UnreliableDatabase;
      await database.migrate([...responseMigrations, ...backgroundMigrations, ...useMigrations]);
      kept = new ResponseStore(database, mostBytes);
      store = new BackgroundStore(database, kept);
    });
    afterAll(async () => {
      await database[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });
    const statusOf = async (owner: string, id: string): Promise<unknown> =>
      (await kept.get(owner, id, 10))?.response["status"];

    it("have no more places than there are for their owner, however many begin at once", async () => {
      const all = await Promise.all(
        Array.from({ length: 8 }, (_, i) => store.begin("product:A", begun(`resp_a${i}`), run)),
      );
      expect(all.filter(Boolean)).toHaveLength(2);
      const there = await Promise.all(all.map((_, i) => statusOf("product:A", `resp_a${i}`)));
      expect(there.filter((status) => status !== undefined)).toEqual(["in_progress", "in_progress"]);
      expect(await store.begin("product:B", begun("resp_a0"), run)).toBe(true);
      const id = `resp_a${all.indexOf(true)}`;
      expect(await store.end("product:A", endOf(id, "completed"))).toBe(true);
      expect(await store.begin("product:A", begun("resp_a9"), run)).toBe(true);
    });

    it("have their events in order, the last one with their end, and none after it", async () => {
      await store.begin("product:C", begun("resp_c"), run);
      expect(await store.append({ owner: "product:C", id: "resp_c", expiresMs: 100 }, ["three"], 2)).toBe(true);
      expect(await store.end("product:C", endOf("resp_c", "completed"))).toBe(true);
      expect(await store.append({ owner: "product:C", id: "resp_c", expiresMs: 100 }, ["late"], 3)).toBe(false);
      const events = await store.events("product:C", "resp_c", 0, 10, 50);
      expect(events.map(({ event }) => event)).toEqual(["two", "three", "end completed 3"]);
      expect(await store.events("product:B", "resp_c", -1, 10, 50)).toEqual([]);
      expect((await kept.holding("product:C", "msg_resp_c", 50))?.id).toBe("resp_c");
      await sweepKept(database, 100);
      expect(await store.newestEvent("product:C", "resp_c")).toBe(-1);
    });

    it("lose all their events at once, though they are kept for longer themselves", async () => {
      await store.begin("product:F", begun("resp_f"), run);
      await store.append({ owner: "product:F", id: "resp_f", expiresMs: 60 }, ["three"], 2);
      await store.end("product:F", endOf("resp_f", "completed"));
      expect(await store.events("product:F", "resp_f", -1, 10, 59)).toHaveLength(4);
      expect(await store.events("product:F", "resp_f", -1, 10, 60)).toEqual([]);
      await sweepKept(database, 60);
      expect(await store.newestEvent("product:F", "resp_f")).toBe(-1);
      expect(await statusOf("product:F", "resp_f")).toBe("completed");
    });

    it("have one end, whoever comes first", async () => {
      await store.begin("product:D", begun("resp_d"), { ...run, events: [] });
      const ends = await Promise.all(
        ["completed", "cancelled", "failed"].map((status) => store.end("product:D", endOf("resp_d", status))),
      );
      expect(ends.filter(Boolean)).toHaveLength(1);
      expect(await statusOf("product:D", "resp_d")).toBe(["completed", "cancelled", "failed"][ends.indexOf(true)]);
      expect(await store.newestEvent("product:D", "resp_d")).toBe(-1);
    });

    it("begin, grow and end exactly when that is told, whatever is lost of the commit", async () => {
      const lost = { code: "db.unavailable" };
      const begin = () => store.begin("product:L", begun("resp_l"), run);
      const append = () => store.append({ owner: "product:L", id: "resp_l", expiresMs: 100 }, ["three", "four"], 2);
      const end = () => store.end("product:L", endOf("resp_l", "completed"));
      for (const change of [begin, append, end]) {
        await expect(database.losing(["commit", "commit"], change)).rejects.toMatchObject(lost);
      }
      expect(await statusOf("product:L", "resp_l")).toBeUndefined();
      expect(await database.losing(["answer"], begin)).toBe(true);
      expect(await store.begin("product:L", begun("resp_l2"), run)).toBe(true);
      expect(await store.begin("product:L", begun("resp_l3"), run)).toBe(false);
      expect(await database.losing(["answer"], append)).toBe(true);
      // Its run asks again for an end of which it was told nothing.
      await expect(database.losing(["answer"], end)).rejects.toMatchObject(lost);
      expect(await end()).toBe(false);
      const events = await store.events("product:L", "resp_l", -1, 10, 50);
      expect(events.map(({ event }) => event)).toEqual(["one", "two", "three", "four", "end completed 4"]);
      expect(await statusOf("product:L", "resp_l")).toBe("completed");
    });

    it("end once, and are gone when they were forgotten, while both are done at once", async () => {
      for (let i = 0; i < 20; i++) {
        const id = `resp_g${i}`;
        await store.begin("product:G", begun(id), run);
        const forget = () =>
          actOn(database).transact(async (tx) => {
            await kept.remove(tx, "product:G", id, 10);
            await store.stop(tx, "product:G", id);
          });
        const append = () => store.append({ owner: "product:G", id, expiresMs: 100 }, ["three"], 2);
        await Promise.all([append(), store.end("product:G", endOf(id, "completed")), forget()]);
        expect(await statusOf("product:G", id)).toBeUndefined();
        expect(await store.newestEvent("product:G", id)).toBe(-1);
      }
    });

    it("let older responses of their owner go when their events are too much, and stay themselves", async () => {
      await kept.put("product:H", begun("resp_old"));
      await store.begin("product:H", begun("resp_h"), run);
      const of = { owner: "product:H", id: "resp_h", expiresMs: 100 };
      await store.append(of, ["x".repeat(mostBytes)], 2);
      expect(await statusOf("product:H", "resp_old")).toBeUndefined();
      expect(await statusOf("product:H", "resp_h")).toBe("in_progress");
      expect((await store.events("product:H", "resp_h", -1, 10, 50)).length).toBe(3);
      await store.end("product:H", endOf("resp_h", "completed"));
      await kept.put("product:H", begun("resp_new"));
      expect(await statusOf("product:H", "resp_h")).toBeUndefined();
      expect(await statusOf("product:H", "resp_new")).toBe("in_progress");
    });

    it("are left when no one says any more that they are worked on", async () => {
      await store.begin("product:E", begun("resp_e1"), { ...run, runner: "e" });
      await store.begin("product:E", begun("resp_e2"), { ...run, runner: "e" });
      await store.end("product:E", endOf("resp_e2", "cancelled"));
      expect([...(await store.renew("e", ["resp_e1", "resp_e2"], 600_000))]).toEqual(["resp_e1"]);
      const left = async (isAlone: boolean) => (await store.left(isAlone)).map(({ id }) => id);
      expect(await left(false)).not.toContain("resp_e1");
      expect(await left(true)).toContain("resp_e1");
      expect(await store.isHeld("product:E", "resp_e1")).toBe(true);
      await store.renew("e", ["resp_e1"], 0);
      expect(await left(false)).toContain("resp_e1");
      expect(await store.isHeld("product:E", "resp_e1")).toBe(false);
      expect(await store.isHeld("product:E", "resp_e2")).toBeUndefined();
    });

    it("are judged by the database's clock, whatever the machines of those who ask believe", async () => {
      const wrong = { nowMs: () => Date.UTC(2099, 0, 1) };
      const parts = { store, kept, clock: wrong, log: silentLog, isLocal: () => false, ended: () => {} };
      await store.begin("product:G", begun("resp_g"), { ...run, leaseMs: 600_000 });
      const ends = new BackgroundEnds(parts);
      expect(await ends.isWorkedOn("product:G", "resp_g")).toBe(true);
      await ends.endLeft(false);
      expect(await statusOf("product:G", "resp_g")).toBe("in_progress");
    });
  });
});
