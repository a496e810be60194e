// What is a claim of a budget worth when many come at once? Each claims and then commits over HTTP; those of one product meet
// on the counters of its budgets, those of four products do not. On PostgreSQL, too, where it is installed.
import { Pool } from "undici";
import { postgresFolder } from "../test/support/servers/packages.ts";
import { startPostgres } from "../test/support/servers/servers.ts";
import { startThrowaway } from "../test/support/servers/throwaway.ts";
import { rateFigure, runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";

const products = ["AI_ASSISTANT", "GURUKUL", "ENFORCEMENT", "WORKFLOW"] as const;
/** Claims that are not counted. */
const warmClaims = 200;

/** Claims that are made and committed in a second, so many at a time, for the first products of the list. */
async function rateOf(server: Awaited<ReturnType<typeof startThrowaway>>, width: number, of: number, claims: number) {
  const pool = new Pool(server.url, { connections: width });
  const send = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await pool.request({
      method: "POST",
      path: `/api/v1/budget/${path}`,
      headers: { authorization: `Bearer ${server.adminKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = (await answer.body.json()) as Record<string, unknown>;
    if (answer.statusCode >= 300) throw new Error(`${path} was answered ${answer.statusCode}: ${JSON.stringify(told)}`);
    return told;
  };
  const claim = async (n: number): Promise<void> => {
    const name = { product: products[n % of], task: "bench", request_id: crypto.randomUUID() };
    await send("request", { ...name, purpose: "bench", model: "m", estimated_tokens: 10 });
    await send("commit", { ...name, actual_tokens: 5 });
  };
  const all = async (count: number): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) await claim(next++);
    };
    await Promise.all(Array.from({ length: width }, worker));
  };
  await all(Math.min(warmClaims, claims));
  const startMs = performance.now();
  await all(claims);
  const seconds = (performance.now() - startMs) / 1000;
  await pool.close();
  return claims / seconds;
}

async function* figuresOf(database: string, serve: readonly string[], claims: number): AsyncGenerator<Figure> {
  await using server = await startThrowaway({ serve });
  const alone = await rateOf(server, 1, 1, Math.ceil(claims / 10));
  for (const [of, who] of [
    [1, "one product"],
    [4, "four products"],
  ] as const) {
    yield rateFigure({
      name: `claimed and committed on ${database}, 64 at once, ${who}`,
      value: await rateOf(server, 64, of, claims),
      unit: "claims/s",
      against: "one at a time",
      base: alone,
    });
  }
}

/** The bench. */
export const claims: Bench = {
  name: "claims",
  question: "how many claims of a budget end in a second when many come at once?",
  options: { claims: "3000" },
  async *run({ claims: count }): AsyncGenerator<Figure> {
    yield* figuresOf("SQLite", [], Number(count));
    if (postgresFolder() === undefined) {
      console.error("claims: no PostgreSQL programs are installed");
      return;
    }
    await using postgres = await startPostgres();
    yield* figuresOf("PostgreSQL", ["--database", postgres.url], Number(count));
  },
};

if (import.meta.main) await runAlone(claims);
