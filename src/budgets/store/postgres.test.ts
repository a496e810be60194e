// Leases on one PostgreSQL: whichever process holds what, no limit is passed, nothing is refused that fits, and nothing that was noted is
// lost with the process that noted it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BudgetRig, outcomesOf } from "../../../test/contract/budget-rig.ts";
import { onPostgres } from "../../../test/contract/databases.ts";
import { actOn } from "../../../test/support/storage/acts.ts";
import { startCuttingProxy } from "../../../test/support/servers/cutting-proxy.ts";
import { freshPostgres } from "../../../test/support/servers/postgres.ts";
import { openDatabase } from "../../db/index.ts";
import { silentLog } from "../../kernel/ctx.ts";
import { openBudgets } from "../budgets.ts";
import type { Budgets } from "../budgets.ts";
import type { Flex, Reservation } from "../reservation.ts";

const caller = fileURLToPath(new URL("../../../test/support/storage/budget-caller.ts", import.meta.url));

/** One thing that an engine is asked, next to others. */
type Asked =
  | { readonly do: "admit"; readonly by: number; readonly tokens: number }
  | { readonly do: "claim"; readonly by: number; readonly tokens: number }
  | { readonly do: "share"; readonly by: number; readonly tokens: number; readonly takes: Flex["takes"] }
  | { readonly do: "charge"; readonly by: number; readonly which: number; readonly part: number }
  | { readonly do: "giveBack"; readonly by: number; readonly which: number };

/** What happens, one thing after another. */
type Step =
  | { readonly do: "burst"; readonly asked: readonly Asked[] }
  | { readonly do: "limit"; readonly by: number; readonly limit: number }
  | { readonly do: "kill"; readonly which: number }
  | { readonly do: "fill"; readonly by: number };

const by = fc.nat(2);
const tokens = fc.integer({ min: 0, max: 60 });
const asked: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("admit" as const), by, tokens }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("claim" as const), by, tokens }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("share" as const),
      by,
      tokens,
      takes: fc.constantFrom("share", "all", "whole"),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("charge" as const),
      by,
      which: fc.nat(),
      part: fc.integer({ min: 0, max: 300 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("giveBack" as const), by, which: fc.nat() }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("burst" as const),
      asked: fc.array(asked, { minLength: 1, maxLength: 40 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("limit" as const),
      by,
      limit: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 8_000, max: 40_000 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("kill" as const), which: by }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("fill" as const), by }) },
);

onPostgres((_, places) => {
  describe("leases", () => {
    let rig: BudgetRig;
    beforeAll(async () => {
      rig = await BudgetRig.open(places, false, 0);
    });
    afterAll(() => rig[Symbol.asyncDispose]());

    const open = (after = 1, lifeMs = 60_000): Budgets => {
      const { db, clock } = rig;
      return openBudgets({ db, clock, log: silentLog, defaultTokens: 0, leases: { after, lifeMs } });
    };
    const count = async (table: string): Promise<number> => {
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from ${sql.table(table)}`.execute(
        rig.db.read,
      );
      return rows[0]?.n ?? 0;
    };
    /** Used, held and granted of a product, as one look at the tables shows them. */
    const counted = async (product: string) => {
      const { rows } = await sql<{ used: number; held: number; granted: number }>`
        select used, held, (select coalesce(sum(granted), 0)::bigint from budget_grants where counter = name) as granted
        from budget_counters where slot like ${`tokens/total/["${product}",0%`}`.execute(rig.db.read);
      return rows[0] ?? { used: 0, held: 0, granted: 0 };
    };

    it("in any order of admissions, ends, kills and limits: no limit is passed, nothing is refused that fits", async () => {
      let leased = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
          const product = rig.newProduct();
          const engines = [open(), open(), open()];
          const killed: Budgets[] = [];
          const engine = (n: number): Budgets => engines[n] ?? rig.budgets;
          const held = new Map<string, Reservation>();
          let [used, limit] = [0, 20_000];
          const total = () => used + [...held.values()].reduce((sum, each) => sum + each.tokens, 0);
          const one = async (ask: Asked): Promise<void> => {
            const budgets = engine(ask.by);
            if (ask.do === "claim") {
              const made = await actOn(rig.db).transact((tx) =>
                budgets.reserve(tx, rig.request(product, ask.tokens, { kind: "claim" })),
              );
              held.set(made.id, made);
            } else if (ask.do === "admit" || ask.do === "share") {
              const least = { tokens: Math.floor(ask.tokens / 2), microdollars: null };
              const flex = ask.do === "share" ? { least, takes: ask.takes } : undefined;
              const made = await budgets.admit(rig.request(product, ask.tokens), flex);
              await made.kept;
              held.set(made.held.id, made.held);
            } else {
              const which = [...held.values()][ask.which % Math.max(1, held.size)];
              if (which === undefined) return;
              held.delete(which.id);
              const { applied, reservation } = await (ask.do === "giveBack"
                ? budgets.giveBack(which)
                : budgets.charge(which, Math.floor((which.tokens * ask.part) / 100), null));
              expect(applied).toBe(true);
              used += reservation?.settledTokens ?? 0;
            }
          };
          const set = async (by: number, to: number) => {
            await engine(by).set({ scope: { product }, unit: "tokens", window: "total", limit: to }, rig.change());
            limit = to;
          };
          await set(0, limit);
          for (const step of steps) {
            const before = total();
            if (step.do === "limit") await set(step.by, step.limit);
            else if (step.do === "kill") {
              killed.push(engine(step.which));
              engines[step.which] = open();
            } else if (step.do === "burst") {
              const { codes } = await outcomesOf(step.asked.map(one));
              expect(codes.filter((code) => code !== "budget.insufficient")).toEqual([]);
              expect(total()).toBeLessThanOrEqual(Math.max(limit, before));
            } else {
              const left = Math.max(0, limit - total());
              await expect(engine(step.by).admit(rig.request(product, left + 1))).rejects.toMatchObject({
                code: "budget.insufficient",
              });
              if (total() <= limit) {
                const all = await engine(step.by).admit(rig.request(product, left));
                await engine(step.by).giveBack(all.held);
              }
            }
            const now = await counted(product);
            leased += now.granted;
            if (now.granted > 0) expect(now.used + now.held + now.granted).toBeLessThanOrEqual(limit);
          }
          await Promise.all(engines.map((each) => each[Symbol.asyncDispose]()));
          expect(await rig.line(product)).toMatchObject({ used, held: total() - used });
          // Those who were killed gave nothing back.
          await rig.budgets.expire(0);
          expect(await rig.line(product)).toMatchObject({ used, held: total() - used });
          expect(await count("budget_notes")).toBe(0);
          expect(await count("budget_leases")).toBe(0);
          expect(await rig.wrongCounters()).toEqual([]);
          await Promise.all([...held.values()].map((each) => rig.release(each)));
          expect(await rig.line(product)).toMatchObject({ used, held: 0 });
          await Promise.all(killed.map((each) => each[Symbol.asyncDispose]()));
        }),
        { numRuns: 25 },
      );
      expect(leased).toBeGreaterThan(0);
    });

    it("a process that asks often counts in memory, and leaves no row of a call that ended there", async () => {
      const product = rig.newProduct();
      await using budgets = open(16);
      await rig.set({ scope: { product }, limit: 1_000_000 });
      for (let i = 0; i < 200; i++) await rig.settle(await rig.reserve(product, 10, {}, budgets), 7, null, budgets);
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from budget_reservations
        where product = ${product}`.execute(rig.db.read);
      expect(rows[0]?.n).toBeLessThan(100);
      expect(await count("budget_notes")).toBeGreaterThan(0);
      expect(await rig.line(product)).toMatchObject({ used: 1_400, held: 0 });
    });

    it("goes on while others ask how things stand, who are told all that happened under it", async () => {
      const product = rig.newProduct();
      await using budgets = open(1);
      await rig.set({ scope: { product }, limit: 1_000_000 });
      const admit = () => budgets.admit(rig.request(product, 10, { microdollars: 5 }));
      await budgets.giveBack((await admit()).held);
      await expect.poll(async () => (await counted(product)).granted).toBeGreaterThan(0);
      const before = await count("budget_leases");
      const all = await Promise.all(Array.from({ length: 20 }, admit));
      for (const { held } of all.slice(5)) await budgets.charge(held, 7, 3, { input: 4, cached: 1, output: 3 });
      const nowMs = rig.clock.nowMs();
      const time = { sinceMs: nowMs - 60_000, untilMs: nowMs + 60_000, signal: new AbortController().signal };
      for (const asked of [budgets, rig.budgets]) {
        const { budgets: lines, usage } = await asked.state({ product });
        const line = lines.find(({ window }) => window === "total");
        expect(line).toMatchObject({ used: 105, held: 50, available: 1_000_000 - 155 });
        expect(usage.day).toMatchObject({ calls: 15, tokens: 105, microdollars: 45, unpriced: 0 });
        const scope = { product };
        expect(await asked.lines([{ scope, unit: "tokens", window: "total" }])).toEqual([line]);
        const { total } = await asked.usage({ by: ["model"], product, ...time }, () => null);
        expect(total).toMatchObject({ calls: 15, tokens: 105, inputTokens: 60, costUsd: "0.000045" });
      }
      expect(await count("budget_leases")).toBe(before);
      expect((await counted(product)).used).toBe(0);
      await rig.budgets.expire(0);
      expect(await counted(product)).toEqual({ used: 105, held: 50, granted: 0 });
      await Promise.all(all.slice(0, 5).map(({ held }) => budgets.giveBack(held)));
      expect(await rig.line(product)).toMatchObject({ used: 105, held: 0 });
    });

    it.each([
      ["answer", "decision", "budget_batch("],
      ["commit", "decision", "budget_batch("],
      ["answer", "note", "insert into budget_notes"],
      ["commit", "note", "insert into budget_notes"],
    ] as const)("hold nothing for a call whose connection is lost with the %s of its %s", async (what, of, words) => {
      await using server = await freshPostgres();
      await using proxy = await startCuttingProxy(server.url);
      const place = {
        open: () => openDatabase({ kind: "postgres", url: proxy.url }, silentLog),
        [Symbol.asyncDispose]: async () => {},
      };
      const leases = of === "note" ? { after: 1, lifeMs: 60_000 } : { after: 1_000, lifeMs: 60_000 };
      await using own = await BudgetRig.open(async () => place, false, 0, leases);
      await own.set({ scope: { product: "CUT" }, limit: 1000 });
      await own.release(await own.reserve("CUT", 1));
      const granted = async () =>
        (await sql<{ n: number }>`select count(*)::int as n from budget_grants`.execute(own.db.read)).rows[0]?.n;
      if (of === "note") await expect.poll(granted).toBeGreaterThan(0);
      proxy.cut(what, words);
      await expect(own.reserve("CUT", 1)).rejects.toMatchObject({ code: "db.unavailable" });
      await expect.poll(async () => (await own.line("CUT")).held).toBe(0);
      await own.release(await own.reserve("CUT", 1000));
      expect(await own.wrongCounters()).toEqual([]);
    });

    it("is given back in its time, and when its holder is closed", async () => {
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 1_000_000 });
      for (const [lifeMs, isClosed] of [
        [50, false],
        [60_000, true],
      ] as const) {
        const budgets = open(1, lifeMs);
        const held = [await rig.reserve(product, 10, {}, budgets)];
        await expect.poll(async () => (await count("budget_leases")) + (lifeMs < 100 ? 1 : 0)).toBeGreaterThan(0);
        held.push(await rig.reserve(product, 5, {}, budgets));
        if (isClosed) await budgets[Symbol.asyncDispose]();
        await expect.poll(() => count("budget_leases")).toBe(0);
        expect(await counted(product)).toEqual({ used: 0, held: 15, granted: 0 });
        for (const each of held) await rig.release(each);
        await budgets[Symbol.asyncDispose]();
      }
      expect(await rig.line(product)).toMatchObject({ used: 0, held: 0 });
    });

    it("does not outlive its holder's say: one that was ended elsewhere admits nothing more in memory", async () => {
      const product = rig.newProduct();
      await using budgets = open();
      await rig.set({ scope: { product }, limit: 100_000 });
      await rig.reserve(product, 1, {}, budgets);
      await expect.poll(async () => (await counted(product)).granted).toBeGreaterThan(0);
      const { granted } = await counted(product);
      const all = await rig.reserve(product, 100_000 - 1);
      await expect(rig.reserve(product, granted, {}, budgets)).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.release(all);
      await rig.release(await rig.reserve(product, granted, {}, budgets), budgets);
      expect(await rig.line(product)).toMatchObject({ used: 0, held: 1 });
    });

    it("hides no room from a call that used more than it held, whoever ends the call and whoever holds the lease", async () => {
      await using budgets = open();
      for (const [maker, ender] of [
        [budgets, budgets],
        [budgets, rig.budgets],
        [rig.budgets, rig.budgets],
        [rig.budgets, budgets],
      ] as const) {
        const product = rig.newProduct();
        await rig.set({ scope: { product }, limit: 100_000 });
        const first = await rig.reserve(product, 1, {}, budgets);
        await expect.poll(async () => (await counted(product)).granted).toBeGreaterThan(0);
        const held = await rig.reserve(product, 10, {}, maker);
        const { reservation } = await rig.settle(held, 200_000, null, ender);
        expect(reservation?.settledTokens).toBe(99_999);
        expect(await rig.line(product)).toMatchObject({ used: 99_999, held: 1, available: 0 });
        await rig.release(first);
      }
    });

    it("two processes, one of which is killed again and again, count what was told of every call", async () => {
      await using server = await freshPostgres();
      const place = {
        open: () => openDatabase({ kind: "postgres", url: server.url }, silentLog),
        [Symbol.asyncDispose]: async () => {},
      };
      await using own = await BudgetRig.open(async () => place, false, 0);
      own.clock.ms = Date.now();
      const limit = 2_000_000;
      await own.set({ scope: { product: "KILLED" }, limit });
      const start = () => {
        const child = spawn(process.execPath, [caller, "KILLED", server.url], { stdio: ["pipe", "pipe", "inherit"] });
        let said = "";
        child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
        return { child, exit: once(child, "close"), lines: () => said.split("\n").slice(0, -1) };
      };
      const steady = start();
      const told: string[] = [];
      for (let round = 0; round < 3; round++) {
        const victim = start();
        await expect.poll(() => victim.lines().length, { timeout: 20_000 }).toBeGreaterThan(200);
        await setTimeout(50 * round);
        victim.child.kill("SIGKILL");
        await victim.exit;
        told.push(...victim.lines());
        const { used, held, limit: most } = await own.line("KILLED");
        expect(used + held).toBeLessThanOrEqual(most);
      }
      steady.child.stdin.end();
      await steady.exit;
      told.push(...steady.lines());
      // A server may still be carrying out what it was sent.
      await setTimeout(300);
      // What those who were killed had noted is in the tables from then on.
      await own.budgets.expire(0);
      const line = await own.line("KILLED");
      expect(await own.wrongCounters()).toEqual([]);
      const events = told.map((text) => text.split(" ") as ["admit" | "ask" | "charge", string, string]);
      const sum = (name: string, of = new Set(events.map(([, id]) => id))) =>
        events.reduce((all, [what, id, n]) => all + (what === name && of.has(id) ? Number(n) : 0), 0);
      // What was being said when a process was killed may have happened or not.
      expect(line.used).toBeGreaterThanOrEqual(sum("charge"));
      expect(line.used).toBeLessThanOrEqual(sum("ask"));
      const { rows } = await sql<{ id: string }>`select id from budget_reservations where state = 'held'`.execute(
        own.db.read,
      );
      const holding = new Set(rows.map(({ id }) => id));
      const ending = new Set(events.flatMap(([what, id]) => (what === "admit" ? [] : [id])));
      const open = events.filter(([what, id]) => what === "admit" && !ending.has(id));
      expect(open.filter(([, id]) => !holding.has(id))).toEqual([]);
      expect(line.used + line.held).toBeGreaterThanOrEqual(
        sum("charge") + sum("admit", new Set(open.map(([, id]) => id))),
      );
      await own.budgets.expire(Date.now() + 3_600_001);
      expect((await own.line("KILLED")).held).toBe(0);
    }, 120_000);
  });
});
