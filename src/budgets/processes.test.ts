// Budgets of one PostgreSQL under three processes at once: the counters must not leak, whichever commits first.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BudgetRig } from "../../test/contract/budget-rig.ts";
import { describeWith } from "../../test/support/servers/requires.ts";
import { freshPostgres } from "../../test/support/servers/postgres.ts";
import type { FreshPostgres } from "../../test/support/servers/postgres.ts";
import { openDatabase } from "../db/index.ts";
import { silentLog } from "../kernel/ctx.ts";

const taker = fileURLToPath(new URL("../../test/support/storage/budget-taker.ts", import.meta.url));

describeWith(["postgres"], "with a PostgreSQL server", () => {
  describe("budgets that three processes share", () => {
    let server: FreshPostgres;
    let rig: BudgetRig;

    beforeAll(async () => {
      server = await freshPostgres();
      const places = async () => ({
        open: () => openDatabase({ kind: "postgres", url: server.url }, silentLog),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      });
      rig = await BudgetRig.open(places, false);
      rig.clock.ms = Date.now();
    });
    afterAll(() => rig[Symbol.asyncDispose]());

    /** Lets three processes loose together; resolves with what each of them counted. */
    async function letLoose(...args: readonly string[]) {
      const processes = Array.from({ length: 3 }, () =>
        spawn(process.execPath, [taker, ...args], {
          env: { ...process.env, CHARTER_TEST_BUDGET_URL: server.url },
          stdio: ["pipe", "pipe", "inherit"],
        }),
      );
      const exits = processes.map((each) => once(each, "exit"));
      const lines = processes.map(({ stdout }) => createInterface(stdout)[Symbol.asyncIterator]());
      for (const line of lines) expect((await line.next()).value).toBe("ready");
      for (const { stdin } of processes) stdin.write("go\n");
      const counted = await Promise.all(lines.map(async (line) => JSON.parse((await line.next()).value ?? "")));
      await Promise.all(exits);
      const sum = (name: string) => counted.reduce((total, each) => total + each[name], 0);
      return { admitted: sum("admitted"), refused: sum("refused"), used: sum("used") };
    }

    it("admit exactly the calls that there is room for", async () => {
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 1000 });
      await rig.set({ scope: { product, key: "key_0" }, window: "month", limit: 100 });
      expect(await letLoose(product, "200", "10")).toEqual({ admitted: 100, refused: 500, used: 0 });
      const { budgets } = await rig.budgets.state({ product });
      const [whole, ofKey] = ["total", "month"].map((window) => budgets.find((line) => line.window === window));
      expect(whole).toMatchObject({ used: 0, held: 1000, available: 0 });
      expect(ofKey?.held).toBeLessThanOrEqual(100);
      expect(await rig.wrongCounters()).toEqual([]);
    });

    it("count what was used, exactly, while calls end and others begin", async () => {
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 1000 });
      const { used, admitted } = await letLoose(product, "300", "10", "end");
      expect(admitted).toBeGreaterThanOrEqual(100);
      expect(used).toBeLessThanOrEqual(1000);
      const { budgets } = await rig.budgets.state({ product });
      expect(budgets.find(({ window }) => window === "total")).toMatchObject({ used, held: 0 });
      expect(await rig.wrongCounters()).toEqual([]);
    });

    it("count nothing twice and leave nothing out while limits are set and cleared", async () => {
      const product = rig.newProduct();
      const running = new Set(["takers"]);
      const loose = letLoose(product, "1500", "1", "end", "1500").finally(() => running.clear());
      const scopes = [0, 1, 2].flatMap((i) => [{ key: `key_${i}` }, { key: `key_${i}`, model: "small" }]);
      for (let turn = 0; running.size > 0; turn++) {
        const scope = { product, ...scopes[turn % scopes.length] };
        const window = (["day", "month", "total"] as const)[turn % 3] ?? "total";
        const { id } = await rig.set({ scope, window, limit: 1_000_000 });
        await new Promise((resume) => setTimeout(resume, 5));
        if (running.size > 0 && turn % 2 === 0) await rig.budgets.clear(id, rig.change());
      }
      expect(await loose).toEqual({ admitted: 4500, refused: 0, used: 3000 });
      expect((await rig.budgets.state({ product })).budgets.length).toBeGreaterThan(3);
      expect(await rig.wrongCounters()).toEqual([]);
    });
  });
});
