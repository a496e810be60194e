// Budgets on a database whose connection is lost around commits: no room is held for who was told that there is none, nothing is
// charged twice or left out, and a limit that was acknowledged holds.
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LeaseTerms } from "../../src/budgets/index.ts";
import type { UnreliableDatabase } from "../support/storage/unreliable-database.ts";
import { eventually } from "../support/wait.ts";
import { BudgetRig, defaultTokens } from "./budget-rig.ts";
import { unreliable } from "./databases.ts";
import type { DatabasePlaces } from "./databases.ts";

const lost = { code: "db.unavailable" };

/** Runs the suite on one database. */
export function budgetLosses(name: string, places: DatabasePlaces, isAlone: boolean, leases?: LeaseTerms): void {
  describe(`budgets on ${name} when a connection is lost around a commit`, () => {
    let rig: BudgetRig;
    let db: UnreliableDatabase;

    beforeAll(async () => {
      rig = await BudgetRig.open(unreliable(places), isAlone, defaultTokens, leases);
      db = rig.db as UnreliableDatabase;
    });
    afterEach(async () => {
      await rig.budgets.state({});
      expect(await rig.wrongCounters()).toEqual([]);
    });
    afterAll(() => rig[Symbol.asyncDispose]());

    const losing: UnreliableDatabase["losing"] = async (troubles, work) => {
      // What waits to be folded would be, in between.
      await rig.budgets.state({});
      return db.losing(troubles, work);
    };
    /** A product whose calls memory counts, where this process has leases. */
    const warm = async (): Promise<string> => {
      const product = rig.newProduct();
      await rig.release(await rig.reserve(product, 1));
      if (leases === undefined) return product;
      await eventually(async () => {
        await rig.release(await rig.reserve(product, 1));
        const { rows } = await sql<{ n: number }>`select count(*)::int as n from budget_grants
          where counter like ${`%"${product}"%`}`.execute(db.read);
        return rows[0]?.n !== 0;
      });
      return product;
    };
    /** Asks as a call of a model does, which ends what it was promised where the promise is not kept. */
    const call = async (product: string, tokens: number) => {
      const { held, kept } = await rig.budgets.admit(rig.request(product, tokens));
      await kept.catch(async (error: unknown) => {
        await rig.budgets.giveBack(held);
        throw error;
      });
    };
    const standsAt = async (product: string, used: number, held: number): Promise<void> => {
      await eventually(async () => {
        const line = await rig.line(product);
        return line.used === used && line.held === held;
      }, `${used} used and ${held} held`);
    };

    it.each(["answer", "commit"] as const)(
      "a call that is refused for the loss of its %s holds no room",
      async (what) => {
        for (const product of [await warm(), rig.newProduct()]) {
          await expect(losing([what], () => call(product, 100))).rejects.toMatchObject(lost);
          await standsAt(product, 0, 0);
          await rig.release(await rig.reserve(product, defaultTokens));
        }
      },
    );

    it.each(["answer", "commit"] as const)(
      "an end whose %s is lost takes place once, asked for again or not",
      async (what) => {
        for (const isRepeated of [true, false]) {
          const product = await warm();
          const held = await rig.reserve(product, 100);
          await expect(losing([what], () => rig.settle(held, 70, null))).rejects.toMatchObject(lost);
          if (isRepeated) await rig.settle(held, 70, null).catch(() => {});
          await standsAt(product, 70, 0);
          const sinceMs = held.createdMs - 1;
          const signal = new AbortController().signal;
          const question = { by: [], product, sinceMs, untilMs: sinceMs + 3_600_000, signal };
          expect((await rig.budgets.usage(question, () => null)).total).toMatchObject({ calls: 1, tokens: 70 });
        }
      },
    );

    it("a claim is held as its caller was told, whatever was lost", async () => {
      const product = rig.newProduct();
      const claim = () => rig.reserveInTx(rig.request(product, 10, { kind: "claim" }));
      const held = await losing(["answer"], claim);
      await standsAt(product, 0, 10);
      await expect(losing(["commit"], claim)).rejects.toMatchObject(lost);
      await standsAt(product, 0, 10);
      expect((await losing(["answer"], () => rig.settle(held, 4, null))).applied).toBe(true);
      await standsAt(product, 4, 0);
    });

    it("a limit is in force exactly when that was acknowledged, or when it is not known", async () => {
      const product = await warm();
      const limits = async () => (await rig.budgets.list({ limit: 1, product })).map(({ limit }) => limit);
      const set = (limit: number) => () => rig.set({ scope: { product }, limit });
      await losing(["answer"], set(100));
      expect(await limits()).toEqual([100]);
      await expect(losing(["commit"], set(5))).rejects.toMatchObject(lost);
      expect(await limits()).toEqual([100]);
      await rig.release(await rig.reserve(product, 100));
      // Whether it took effect cannot be asked either: the gate asks later.
      await expect(losing(["answer", "commit"], set(50))).rejects.toThrow("cannot be asked now");
      await expect(rig.reserve(product, 51)).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.release(await rig.reserve(product, 50));
    });

    it("no call passes a limit that was acknowledged, though what is read or written after it fails", async () => {
      const product = await warm();
      await rig.set({ scope: { product }, limit: 1000 });
      await rig.release(await rig.reserve(product, 900));
      await rig.set({ scope: { product }, limit: 100 });
      const reserve = () => rig.reserve(product, 500).catch(({ code }: { code: string }) => code);
      db.failReads(1);
      const tries = [await reserve()];
      db.failReads(0);
      tries.push(await losing(["commit"], reserve), await reserve());
      for (const code of tries) expect(["db.unavailable", "budget.insufficient"]).toContain(code);
      expect(tries.at(-1)).toBe("budget.insufficient");
      await rig.release(await rig.reserve(product, 100));
    });
  });
}
