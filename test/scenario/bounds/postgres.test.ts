// The same promise where the tables are in PostgreSQL and every batch decides in the database.
import { afterAll, beforeAll, expect, it } from "vitest";
import { startMetered } from "../../support/gateway/metered.ts";
import type { Metered } from "../../support/gateway/metered.ts";
import { freshPostgres } from "../../support/servers/postgres.ts";
import type { FreshPostgres } from "../../support/servers/postgres.ts";
import { describeWith } from "../../support/servers/requires.ts";

describeWith(["postgres"], "200 calls at once on PostgreSQL", () => {
  let postgres: FreshPostgres;
  let on: Metered;

  beforeAll(async () => {
    postgres = await freshPostgres();
    on = await startMetered({
      flags: { database: postgres.url, "default-budget-tokens": "0" },
      deployments: ["honest", "lies", "alone"].map((name) => ({ name, provider: "metered", model: name })),
    });
  });
  afterAll(async () => {
    await on[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  const crowd = async (model: string, unit: string, limit: number, content: object): Promise<number> => {
    const scope = { product: "AI_ASSISTANT", project: model };
    await on.rig.charter.ask("/v1/budgets", { body: { scope, unit, window: "day", limit } });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        on.rig.charter.ask("/v1/chat/completions", {
          key: on.rig.productKey,
          headers: { "x-charter-project": model, "cache-control": "no-store" },
          body: { model, messages: [{ role: "user", content: [content] }], stream: i % 2 === 0 },
        }),
      ),
    );
    // Whether the room comes back in a moment depends on who has ended.
    expect(new Set(answers.map(({ status }) => (status === 402 ? 409 : status)))).toEqual(new Set([200, 409]));
    // The head of a stream that has to wait goes out before it is known whether there is room.
    return answers.filter(({ status, text }) => status === 200 && !text.includes('"error"')).length;
  };
  const image = { type: "image_url", image_url: { url: "https://a.example/1" } };

  it("with images cost an honest provider no more than the budget", async () => {
    on.take();
    await crowd("honest", "tokens", 1_000_000, image);
    const { tokens } = on.take();
    const { used, held } = await on.budget("honest");
    expect([used, held]).toEqual([tokens, 0]);
    expect(used).toBeLessThanOrEqual(1_000_000);
  });

  it("are never charged more than the budget in money, whatever is reported", async () => {
    on.meter = () => ({ input: 700_000, output: 80_000 });
    await crowd("lies", "microdollars", 1_500_000, image);
    const { used, held } = await on.budget("lies", "microdollars");
    expect([held, used <= 1_500_000]).toEqual([0, true]);
  });

  it("of which nothing bounds what they read run one by one", async () => {
    on.take();
    on.meter = () => ({ input: 60_000, output: 10 });
    const answered = await crowd("alone", "tokens", 200_000, { type: "file", file: { file_id: "file-1" } });
    expect(on.take()).toMatchObject({ requests: answered, atOnce: 1 });
    const { used, held } = await on.budget("alone");
    expect([held, used <= 200_000]).toEqual([0, true]);
  });
});
