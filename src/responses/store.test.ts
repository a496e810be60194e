// The store of kept responses on both databases: what is found, by whom, for how long, and word for word.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onBothDialects } from "../../test/contract/databases.ts";
import type { DatabasePlace } from "../../test/contract/databases.ts";
import type { Database } from "../db/index.ts";
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

onBothDialects((name, places) => {
  describe(`kept responses on ${name}`, () => {
    let place: DatabasePlace;
    let database: Database;
    let store: ResponseStore;
    beforeAll(async () => {
      place = await places();
      database = await place.open();
      await database.migrate(responseMigrations);
      store = new ResponseStore(database);
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
      await store.sweep(100);
      expect(await store.get("product:A", "resp_2", 50)).toBeUndefined();
      expect((await store.get("product:A", "resp_3", 100))?.id).toBe("resp_3");
    });

    it("make way for a newer one of the same id", async () => {
      await store.put("product:A", kept("resp_4"));
      await store.put("product:A", { ...kept("resp_4", 300), previousId: "resp_3" });
      expect(await store.get("product:A", "resp_4", 250)).toMatchObject({ previousId: "resp_3", expiresMs: 300 });
      expect((await store.holding("product:A", "fc_resp_4", 250))?.id).toBe("resp_4");
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
