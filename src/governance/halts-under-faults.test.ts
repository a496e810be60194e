// Halts while the database fails, says nothing of what it has done, or is changed by two at once.
import { describe, expect, it } from "vitest";
import { onBothDialects } from "../../test/contract/databases.ts";
import { actOn } from "../../test/support/storage/acts.ts";
import { TroubledConnection } from "../../test/support/storage/troubled.ts";
import type { Effect } from "../db/index.ts";
import { openHalts } from "./halts.ts";
import { governanceMigrations } from "./store/migrations.ts";

const halt = { scope: "AI_ASSISTANT", threat: "T5_EXECUTOR_OVERRIDE", intentIndex: 7, sinceMs: 1000 };
const newer = { ...halt, threat: "T8_AUDIT_TAMPERING", intentIndex: 9 };

/** An act whose transaction ends once it is let go. */
function heldBack(act: Effect) {
  const [began, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const held: Pick<Effect, "transact"> = {
    transact: async (work, durability) => {
      const value = await act.transact(work, durability);
      began.resolve();
      await letGo.promise;
      return value;
    },
  };
  return { held, began: began.promise, letGo: () => letGo.resolve() };
}

onBothDialects((name, places) => {
  describe(`halts on ${name}`, () => {
    const rig = async () => {
      const place = await places();
      const database = await place.open();
      await database.migrate(governanceMigrations);
      const connection = new TroubledConnection(database);
      return {
        database,
        connection,
        halts: await openHalts(connection.database()),
        /** What another start finds. */
        kept: async () => (await openHalts(database)).inForce(),
        async [Symbol.asyncDispose]() {
          await database[Symbol.asyncDispose]();
          await place[Symbol.asyncDispose]();
        },
      };
    };

    it("keep the one that is set while an older one of its scope is being cleared", async () => {
      await using at = await rig();
      await at.halts.set(halt);
      const { held, began, letGo } = heldBack(actOn(at.database, 11));
      const clearing = at.halts.clear(halt.scope, held);
      await began;
      const setting = at.halts.set(newer);
      expect(at.halts.stops(halt.scope)).toBe(true);
      letGo();
      expect(await clearing).toEqual(halt);
      await setting;
      expect(at.halts.inForce()).toEqual([newer]);
      expect(await at.kept()).toEqual([newer]);
      expect(await at.halts.clear(halt.scope, actOn(at.database, 12))).toEqual(newer);
      expect(at.halts.inForce()).toEqual([]);
      expect(await at.kept()).toEqual([]);
    });

    it("are cleared once, whoever of two is first", async () => {
      await using at = await rig();
      await at.halts.set(halt);
      const both = await Promise.allSettled(
        [13, 14].map((intent) => at.halts.clear(halt.scope, actOn(at.database, intent))),
      );
      expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
      expect(await at.kept()).toEqual([]);
    });

    it.each(["lost_before", "lost_after"] as const)(
      "become durable by themselves when a connection is %s",
      async (fate) => {
        await using at = await rig();
        at.connection.next = [fate, fate];
        await expect(at.halts.set(halt)).rejects.toMatchObject({ code: "db.unavailable" });
        expect(at.halts.inForce()).toEqual([halt]);
        await expect.poll(at.kept).toEqual([halt]);
        await expect.poll(() => at.connection.units).toBe(3);
        await at.halts.clear(halt.scope, actOn(at.database, 15));
        expect([at.halts.inForce(), await at.kept()]).toEqual([[], []]);
      },
    );

    it("resolve only when they are durable, also where the scope is halted in memory already", async () => {
      await using at = await rig();
      at.connection.next = ["lost_before", "lost_before"];
      await expect(at.halts.set(halt)).rejects.toMatchObject({ code: "db.unavailable" });
      await expect(at.halts.set(newer)).rejects.toMatchObject({ code: "db.unavailable" });
      await at.halts.set(newer);
      expect(await at.kept()).toEqual([halt]);
    });

    it("are saved by one transaction, however many findings ask for it", async () => {
      await using at = await rig();
      at.connection.next = ["lost_before"];
      const many = await Promise.allSettled(Array.from({ length: 50 }, () => at.halts.set(halt)));
      expect(new Set(many.map(({ status }) => status))).toEqual(new Set(["rejected"]));
      expect(at.connection.units).toBe(1);
      await expect.poll(at.kept).toEqual([halt]);
      expect(at.connection.units).toBe(2);
    });

    it("stay cleared when one that is not durable yet is cleared", async () => {
      await using at = await rig();
      at.connection.next = ["lost_before"];
      await expect(at.halts.set(halt)).rejects.toMatchObject({ code: "db.unavailable" });
      await at.halts.clear(halt.scope, actOn(at.database, 16));
      await at.halts.set({ ...newer, scope: "GURUKUL" });
      expect(at.connection.units).toBe(2);
      expect(await at.kept()).toEqual([{ ...newer, scope: "GURUKUL" }]);
    });
  });
});
