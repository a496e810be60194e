// The store of kept responses on both databases: what is found, by whom, for how long, and word for word.
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onBothDialects, unreliable } from "../../test/contract/databases.ts";
import type { DatabasePlace } from "../../test/contract/databases.ts";
import type { UnreliableDatabase } from "../../test/support/storage/unreliable-database.ts";
import { backgroundMigrations } from "./background-store.ts";
import { sweepKept, useMigrations } from "./kept-use.ts";
import { responseMigrations, ResponseStore } from "./store.ts";
import type { NewResponse, ResponseTx } from "./store.ts";

const kept = (id: string, expiresMs = 100): NewResponse => ({
  id,
  previousId: null,
  createdMs: 1,
  expiresMs,
  input: `[{"type":"message","id":"msg_${id}_in0","content":"hi"}]`,
  response: `{"id":"${id}","output":[{"type":"function_call","id":"fc_${id}","arguments":"{}","n":12345678901234567890}]}`,
  itemIds: [`msg_${id}_in0`, `fc_${id}`],
});

/** Most that an owner keeps here, bytes: a handful of these responses. */
const mostBytes = 5000;

onBothDialects((name, places) => {
  describe(`kept responses on ${name}`, () => {
    let place: DatabasePlace;
    let database: UnreliableDatabase;
    let store: ResponseStore;
    beforeAll(async () => {
      place = await unreliable(places)();
      database = (await place.open()) as UnreliableDatabase;
      await database.migrate([...responseMigrations, ...backgroundMigrations, ...useMigrations]);
      store = new ResponseStore(database, mostBytes);
    });
    afterAll(async () => {
      await database[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    it("are found by their owner, with every digit, and by the ids of their items", async () => {
      await store.put("product:A", kept("resp_1"));
      const found = await store.get("product:A", "resp_1", 50);
      expect(JSON.stringify(found?.response)).toBe(kept("resp_1").response);
      expect(await store.holding("product:A", "fc_resp_1", 50)).toEqual(found);
      expect(await store.holding("product:A", "msg_resp_1_in0", 50)).toEqual(found);
      for (const owner of ["product:B", "product:a", "caller:A", ""]) {
        expect(await store.get(owner, "resp_1", 50)).toBeUndefined();
        expect(await store.holding(owner, "fc_resp_1", 50)).toBeUndefined();
      }
    });

    it("are kept without the ids that no table can hold, and found under none of those", async () => {
      await store.put("product:A", { ...kept("resp_0"), itemIds: ["a\0b", "fc_resp_0"] });
      expect((await store.holding("product:A", "fc_resp_0", 50))?.id).toBe("resp_0");
      expect(await store.holding("product:A", "a\0b", 50)).toBeUndefined();
      expect(await store.get("product:A", "resp_0\0", 50)).toBeUndefined();
    });

    it("are gone once their time is over, swept or not", async () => {
      await store.put("product:A", kept("resp_2"));
      await store.put("product:A", kept("resp_3", 200));
      expect(await store.get("product:A", "resp_2", 100)).toBeUndefined();
      expect(await store.holding("product:A", "fc_resp_2", 100)).toBeUndefined();
      await sweepKept(database, 100);
      expect(await store.get("product:A", "resp_2", 50)).toBeUndefined();
      expect((await store.get("product:A", "resp_3", 100))?.id).toBe("resp_3");
    });

    it("are never replaced: of two that a provider gave one id neither is found, and no third one", async () => {
      await store.put("product:A", kept("resp_4"));
      expect(await store.put("product:A", kept("resp_4"))).toBe(true);
      expect((await store.get("product:A", "resp_4", 50))?.id).toBe("resp_4");
      for (const input of ["other", "third"]) {
        const other = { ...kept("resp_4"), input: `[{"type":"message","content":"${input}"}]` };
        expect(await store.put("product:A", other)).toBe(false);
        expect(await store.get("product:A", "resp_4", 50)).toBeUndefined();
        expect(await store.holding("product:A", "fc_resp_4", 50)).toBeUndefined();
      }
      expect(await store.put("product:B", kept("resp_4"))).toBe(true);
      // Its time is over: the id is free again.
      expect(await store.put("product:A", { ...kept("resp_4", 300), createdMs: 100 })).toBe(true);
      expect((await store.get("product:A", "resp_4", 250))?.id).toBe("resp_4");
    });

    it("let the oldest of their owner go when they are too much, and none of another owner", async () => {
      await store.put("product:Z", kept("resp_z"));
      for (let i = 0; i < 20; i++) await store.put("product:Q", { ...kept(`resp_q${i}`), createdMs: i + 1 });
      const there = await Promise.all(Array.from({ length: 20 }, (_, i) => store.get("product:Q", `resp_q${i}`, 50)));
      const oldest = there.findIndex((found) => found !== undefined);
      expect(oldest).toBeGreaterThan(5);
      expect(oldest).toBeLessThan(18);
      expect(there.slice(oldest).every((found) => found !== undefined)).toBe(true);
      expect((await store.get("product:Z", "resp_z", 50))?.id).toBe("resp_z");
      expect(await store.holding("product:Q", "fc_resp_q0", 50)).toBeUndefined();
    });

    it("are counted as what is there, however they came and went", async () => {
      const counted = async () => {
        const { rows } = await sql<{ bytes: number; there: number }>`select bytes,
          (select cast(coalesce(sum(size_bytes), 0) as bigint) from kept_responses where owner = 'product:U') +
          (select count(*) * 200 from kept_response_items where owner = 'product:U') as there
          from kept_response_use where owner = 'product:U'`.execute(database.read);
        return rows[0];
      };
      await Promise.all(Array.from({ length: 30 }, (_, i) => store.put("product:U", kept(`resp_u${i % 20}`))));
      await store.put("product:U", { ...kept("resp_u19"), input: "[]" });
      const now = await counted();
      expect(now?.bytes).toBe(Number(now?.there));
      expect(now?.bytes).toBeGreaterThan(1000);
      expect(now?.bytes).toBeLessThanOrEqual(mostBytes);
      await sweepKept(database, 100);
      expect(await counted()).toMatchObject({ bytes: 0 });
    });

    it("are kept exactly when that is told, whatever is lost of the commit", async () => {
      const put = () => store.put("product:A", kept("resp_lost"));
      await expect(database.losing(["commit", "commit"], put)).rejects.toMatchObject({ code: "db.unavailable" });
      expect(await store.get("product:A", "resp_lost", 50)).toBeUndefined();
      for (const trouble of ["commit", "answer"] as const) expect(await database.losing([trouble], put)).toBe(true);
      expect((await store.get("product:A", "resp_lost", 50))?.id).toBe("resp_lost");
    });

    it("hold an item together, until the last of them is forgotten", async () => {
      for (const id of ["resp_6", "resp_7"]) await store.put("product:A", { ...kept(id), itemIds: ["msg_shared"] });
      const remove = (id: string): Promise<boolean> =>
        database.transact((tx) => store.remove(tx as unknown as ResponseTx, "product:A", id, 50));
      await remove("resp_7");
      expect((await store.holding("product:A", "msg_shared", 50))?.id).toBe("resp_6");
      await remove("resp_6");
      expect(await store.holding("product:A", "msg_shared", 50)).toBeUndefined();
    });

    it("are forgotten for their owner alone", async () => {
      for (const owner of ["product:A", "product:B"]) await store.put(owner, kept("resp_5"));
      const remove = (owner: string): Promise<boolean> =>
        database.transact((tx) => store.remove(tx as unknown as ResponseTx, owner, "resp_5", 50));
      expect([await remove("product:A"), await remove("product:A")]).toEqual([true, false]);
      expect(await store.holding("product:A", "fc_resp_5", 50)).toBeUndefined();
      expect((await store.get("product:B", "resp_5", 50))?.id).toBe("resp_5");
    });
  });
});
