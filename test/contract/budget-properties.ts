// Any order of events: what is admitted is what a model on paper admits, and counters are the sums of the calls.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Budgets, Reservation } from "../../src/budgets/index.ts";
import type { BudgetRig } from "./budget-rig.ts";
import { noonMs } from "./budget-rig.ts";
import { actOn } from "../support/storage/acts.ts";

const hourMs = 3_600_000;

type Step =
  | {
      readonly do: "reserve";
      readonly tokens: number;
      readonly model: "small" | "large";
      readonly kind: "call" | "claim";
      readonly inTx: boolean;
    }
  | { readonly do: "settle"; readonly which: number; readonly part: number; readonly inTx: boolean }
  | { readonly do: "release"; readonly which: number; readonly inTx: boolean }
  | { readonly do: "expire" }
  | { readonly do: "kill" }
  | { readonly do: "wait"; readonly ms: number }
  | {
      readonly do: "limit";
      readonly model: "small" | "any";
      readonly window: "hour" | "total";
      readonly limit: number;
    };

const which = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("reserve" as const),
      tokens: fc.integer({ min: 0, max: 60 }),
      model: fc.constantFrom("small", "large"),
      kind: fc.constantFrom("call", "claim"),
      inTx: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      which,
      part: fc.integer({ min: 0, max: 400 }),
      inTx: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("release" as const), which, inTx: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("expire" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: hourMs }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("limit" as const),
      model: fc.constantFrom("small", "any"),
      window: fc.constantFrom("hour", "total"),
      limit: fc.integer({ min: 0, max: 300 }),
    }),
  },
);

interface Known {
  readonly reservation: Reservation;
  charged: number;
  held: boolean;
}

/** Budgets on paper: lists of calls and limits, added up anew for every question. */
class Paper {
  readonly calls: Known[] = [];
  readonly limits = new Map<string, Extract<Step, { do: "limit" }>>();

  admits(model: string, tokens: number, nowMs: number): boolean {
    const covering = [...this.limits.values()].filter((limit) => limit.model === "any" || limit.model === model);
    return covering.every((limit) => this.#counted(limit, nowMs) + tokens <= limit.limit);
  }

  /** What a held call is charged that used so much: beyond what it held only what is free under every limit. */
  charge(known: Known, used: number): number {
    const { tokens, model, createdMs } = known.reservation;
    const covering = [...this.limits.values()].filter((limit) => limit.model === "any" || limit.model === model);
    const room = covering.map((limit) => limit.limit - (this.#counted(limit, createdMs) - tokens));
    return Math.min(used, Math.max(tokens, Math.min(...room)));
  }

  #counted(limit: Extract<Step, { do: "limit" }>, atMs: number): number {
    const from = limit.window === "total" ? 0 : atMs - (atMs % hourMs);
    const until = limit.window === "total" ? Number.POSITIVE_INFINITY : from + hourMs;
    return this.calls
      .filter(({ reservation }) => reservation.createdMs >= from && reservation.createdMs < until)
      .filter(({ reservation }) => limit.model === "any" || limit.model === reservation.model)
      .reduce((sum, { held, charged, reservation }) => sum + (held ? reservation.tokens : charged), 0);
  }

  expire(nowMs: number): void {
    for (const call of this.calls) {
      if (!call.held || call.reservation.expiresMs > nowMs) continue;
      call.held = false;
      call.charged = call.reservation.kind === "call" ? call.reservation.tokens : 0;
    }
  }
}

async function play(rig: BudgetRig, budgets: Budgets, product: string, paper: Paper, one: Step): Promise<void> {
  const held = paper.calls.filter((call) => call.held);
  const known = "which" in one ? held[one.which % Math.max(1, held.length)] : undefined;
  if (one.do === "reserve") {
    const fits = paper.admits(one.model, one.tokens, rig.clock.ms);
    const { tokens, model, kind } = one;
    const made = one.inTx
      ? rig.reserveInTx(rig.request(product, tokens, { model, kind }), budgets)
      : rig.reserve(product, tokens, { model, kind }, budgets);
    if (fits) paper.calls.push({ reservation: await made, charged: 0, held: true });
    else await expect(made).rejects.toMatchObject({ code: "budget.insufficient" });
  } else if (one.do === "limit") {
    const scope = one.model === "any" ? { product } : { product, model: one.model };
    await budgets.set({ scope, unit: "tokens", window: one.window, limit: one.limit }, rig.change());
    paper.limits.set(`${one.model}/${one.window}`, one);
  } else if (one.do === "wait") {
    rig.clock.ms += one.ms;
  } else if (one.do === "kill") {
    if (rig.isAlone) await rig.kill();
  } else if (one.do === "expire") {
    await budgets.expire(rig.clock.ms);
    paper.expire(rig.clock.ms);
  } else if (known !== undefined) {
    if (one.do === "settle") {
      const used = Math.floor((known.reservation.tokens * one.part) / 100);
      known.charged = paper.charge(known, used);
      const { reservation } = one.inTx
        ? await actOn(rig.db).transact((tx) => budgets.settle(tx, known.reservation, used, null))
        : await rig.settle(known.reservation, used, null, budgets);
      expect(reservation?.settledTokens).toBe(known.charged);
    } else if (one.inTx) await actOn(rig.db).transact((tx) => budgets.release(tx, known.reservation));
    else await rig.release(known.reservation, budgets);
    known.held = false;
  }
}

/** The part of the suite that tries any order of events. */
export function budgetProperties(rigNow: () => BudgetRig): void {
  describe("in any order of events", () => {
    it("admit what a model on paper admits", async () => {
      await using rig = await rigNow().fresh(0);
      const steps = fc.array(step, { minLength: 5, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          rig.clock.ms = noonMs;
          const product = rig.newProduct();
          const paper = new Paper();
          // Two servers in turn, so that neither may rely on what it remembers.
          await using other = rig.another();
          for (const [i, one] of sequence.entries()) {
            await play(rig, rig.isAlone || i % 2 === 0 ? rig.budgets : other, product, paper, one);
          }
          await rig.budgets.state({ product });
          expect(await rig.wrongCounters()).toEqual([]);
        }),
        { numRuns: 15 },
      );
    });

    it("never promise more than the limit, however many ask at once", async () => {
      const rig = rigNow();
      const amounts = fc.array(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 }), {
        minLength: 1,
        maxLength: 4,
      });
      await fc.assert(
        fc.asyncProperty(amounts, fc.integer({ min: 0, max: 300 }), async (waves, limit) => {
          const product = rig.newProduct();
          await rig.set({ scope: { product }, limit });
          await using other = rig.another();
          for (const [turn, wave] of waves.entries()) {
            const asked = wave.map((tokens, i) =>
              rig.reserve(product, tokens, { kind: i % 5 === turn ? "claim" : "call" }, i % 2 ? other : rig.budgets),
            );
            const made = (await Promise.allSettled(asked)).flatMap((each) =>
              each.status === "fulfilled" ? [each.value] : [],
            );
            const { used, held, available } = await rig.line(product);
            expect(used + held).toBeLessThanOrEqual(limit);
            // Nothing that would have fitted was refused in the end.
            const refused = wave.length - made.length;
            if (refused > 0) expect(available).toBeLessThan(Math.max(...wave));
            await Promise.all(
              made.map((one, i) =>
                i % 3 === turn % 3 ? rig.release(one) : rig.settle(one, Math.floor(one.tokens / 2), null, other),
              ),
            );
          }
          expect((await rig.line(product)).held).toBe(0);
        }),
        { numRuns: 15 },
      );
    });
  });
}
