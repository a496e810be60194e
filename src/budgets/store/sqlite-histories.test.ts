// Histories on SQLite: whatever is undone, cannot be written or is killed, memory and tables agree on what was told.
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { BudgetRig, outcomesOf } from "../../../test/contract/budget-rig.ts";
import { sqlitePlace } from "../../../test/contract/databases.ts";
import { actOn } from "../../../test/support/storage/acts.ts";
import { Disk } from "../../../test/support/storage/disk.ts";
import { silentLog } from "../../kernel/ctx.ts";
import { openBudgets } from "../budgets.ts";
import type { Reservation } from "../reservation.ts";

const undone = new Error("the step failed");

const tokens = fc.integer({ min: 1, max: 200 });
const asked = fc.record({
  do: fc.constantFrom("admit", "admit", "admit", "reserve", "charge", "charge", "giveBack", "settle"),
  tokens,
  which: fc.nat(),
  key: fc.nat(3),
  project: fc.nat(9),
  isUndone: fc.boolean(),
  turns: fc.nat(5),
});
type Asked = typeof asked extends fc.Arbitrary<infer Value> ? Value : never;
const step = fc.record({
  asked: fc.array(asked, { minLength: 1, maxLength: 40 }),
  fates: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom("early", "late", "written", "written"), { maxLength: 12 }) },
  ),
  after: fc.constantFrom("look", "kill", "raise", "set and clear"),
  by: tokens,
});

/** Budgets whose disk fails now and then, and what they told. */
class History implements AsyncDisposable {
  readonly held = new Map<string, Reservation>();
  readonly #rig: BudgetRig;
  #disk: Disk;
  #used = 0;
  /** Most that was charged by ends that were told to have failed. */
  #unsure = 0;
  #limit = 3_000;

  private constructor(rig: BudgetRig) {
    this.#rig = rig;
    this.#disk = this.#open();
  }

  static async begin(): Promise<History> {
    const history = new History(await BudgetRig.open(sqlitePlace, true, 0));
    await history.raise(0);
    return history;
  }

  async burst(all: readonly Asked[], fates: Readonly<Disk["next"]>): Promise<void> {
    this.#disk.next = [...fates];
    const { codes } = await outcomesOf(all.map((ask) => this.#one(ask)));
    this.#disk.next = [];
    expect(
      codes.filter((code) => code !== "budget.insufficient" && code !== "db.full" && code !== String(undone)),
    ).toEqual([]);
  }

  async raise(by: number): Promise<void> {
    const limit = this.#limit + by;
    await this.#rig.set({ scope: { product: "P" }, limit });
    this.#limit = limit;
  }

  async setAndClear(): Promise<void> {
    const { id } = await this.#rig.set({ scope: { product: "P", key: "key_1" }, window: "month", limit: 1_000_000 });
    await this.#rig.budgets.clear(id, this.#rig.change());
  }

  async kill(): Promise<void> {
    await this.#rig.kill();
    await this.#rig.budgets[Symbol.asyncDispose]();
    this.#disk = this.#open();
  }

  async look(): Promise<void> {
    const line = await this.#rig.line("P");
    expect(line.held).toBe([...this.held.values()].reduce((sum, each) => sum + each.tokens, 0));
    expect(line.used).toBeGreaterThanOrEqual(this.#used);
    expect(line.used).toBeLessThanOrEqual(this.#used + this.#unsure);
    [this.#used, this.#unsure] = [line.used, 0];
    expect(line.used + line.held).toBeLessThanOrEqual(this.#limit);
    expect(await this.#rig.wrongCounters()).toEqual([]);
    const more = this.#rig.budgets.admit(this.#rig.request("P", line.available + 1));
    await expect(more).rejects.toMatchObject({ code: "budget.insufficient" });
    await this.#rig.release(await this.#rig.reserve("P", line.available));
  }

  async #one(ask: Asked): Promise<void> {
    for (let turns = ask.turns; turns > 0; turns--) await new Promise(setImmediate);
    const { budgets } = this.#rig;
    const request = this.#rig.request("P", ask.tokens, { key: `key_${ask.key}`, project: `project_${ask.project}` });
    if (ask.do === "admit") {
      const { held, kept } = await budgets.admit(request);
      // Whether it is kept or not, it is held.
      this.held.set(held.id, held);
      await kept;
    } else if (ask.do === "reserve") {
      const made = await this.#within(ask, (tx) => budgets.reserve(tx, { ...request, kind: "claim" }));
      this.held.set(made.id, made);
    } else await this.#end(ask);
  }

  async #end(ask: Asked): Promise<void> {
    const { budgets } = this.#rig;
    const which = [...this.held.values()][ask.which % Math.max(1, this.held.size)];
    if (which === undefined) return;
    this.held.delete(which.id);
    if (ask.do === "settle" && ask.isUndone) {
      await expect(this.#within(ask, (tx) => budgets.settle(tx, which, ask.tokens, null))).rejects.toBe(undone);
      this.held.set(which.id, which);
      return;
    }
    const end = () => {
      if (ask.do === "settle") return this.#within(ask, (tx) => budgets.settle(tx, which, ask.tokens, null));
      return ask.do === "giveBack" ? budgets.giveBack(which) : budgets.charge(which, ask.tokens, null);
    };
    // Told that it failed, a caller ends it again until it is certain.
    const ended = await end().catch(async () => {
      this.#disk.next = [];
      const again = await end();
      if (again.reservation === undefined) this.#unsure += ask.tokens;
      return { ...again, applied: true };
    });
    expect(ended.applied).toBe(true);
    this.#used += ended.reservation?.settledTokens ?? 0;
  }

  async #within<T>(
    { isUndone }: Asked,
    work: (tx: Parameters<Parameters<ReturnType<typeof actOn>["transact"]>[0]>[0]) => Promise<T>,
  ) {
    return actOn(this.#rig.db).transact(async (tx) => {
      const value = await work(tx);
      if (isUndone) throw undone;
      return value;
    });
  }

  #open(): Disk {
    const disk = new Disk(this.#rig.db);
    const { clock } = this.#rig;
    this.#rig.budgets = openBudgets({ db: disk.database(), clock, log: silentLog, defaultTokens: 0 });
    return disk;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig[Symbol.asyncDispose]();
  }
}

it("in any order of calls, undone transactions, full disks, kills and limits, what was told is what is counted", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 10 }), async (steps) => {
      await using history = await History.begin();
      for (const { asked: all, fates, after, by } of steps) {
        await history.burst(all, fates);
        if (after === "kill" && fates.length === 0) await history.kill();
        else if (after === "raise") await history.raise(by);
        else if (after === "set and clear") await history.setAndClear();
        await history.look();
      }
    }),
    { numRuns: 20 },
  );
});
