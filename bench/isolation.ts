// Can a product tell by the clock whether an id that it guessed is another product's artifact or no one's? One client
// asks for both in turns, in an order drawn each time, so that drifts of the machine fall on both alike.
import { Client } from "undici";
import { systemClock } from "../src/kernel/clock.ts";
import { newId } from "../src/kernel/ids.ts";
import { startThrowaway } from "../test/support/servers/throwaway.ts";
import { costFigure, nearestRank, numberText, runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";

/** Artifacts of the other product. */
const artifacts = 200;
/** Questions that are not counted. */
const warmQuestions = 500;

const suffixes = { record: "", content: "/content", proof: "/proof", lineage: "/lineage" } as const;

/** Both medians of one kind of read, microseconds. */
async function compare(
  ask: (path: string) => Promise<number>,
  foreign: readonly string[],
  suffix: string,
  questions: number,
): Promise<{ foreign: number[]; absent: number[] }> {
  const times = { foreign: [] as number[], absent: [] as number[] };
  for (let i = -warmQuestions; i < questions; i++) {
    const pair: ["foreign" | "absent", string][] = [
      ["foreign", foreign[Math.abs(i) % foreign.length] ?? ""],
      ["absent", newId<"artifact">(systemClock)],
    ];
    if (Math.random() < 0.5) pair.reverse();
    for (const [kind, id] of pair) {
      const micros = await ask(`/v1/artifacts/${id}${suffix}`);
      if (i >= 0) times[kind].push(micros);
    }
  }
  times.foreign.sort((left, right) => left - right);
  times.absent.sort((left, right) => left - right);
  return times;
}

/** The bench. */
export const isolation: Bench = {
  name: "isolation",
  question: "does the time of a 404 tell another product's artifact from none?",
  options: { questions: "3000" },
  async *run({ questions }): AsyncGenerator<Figure> {
    await using server = await startThrowaway();
    const mine = await server.keyFor("product", "GURUKUL");
    const client = new Client(server.url);
    const foreign: string[] = [];
    for (let i = 0; i < artifacts; i++) {
      const answer = await client.request({
        method: "POST",
        path: "/v1/artifacts",
        headers: { authorization: `Bearer ${server.adminKey}`, "content-type": "application/json" },
        body: JSON.stringify({ product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", payload: i }),
      });
      foreign.push(((await answer.body.json()) as { artifact: { artifact_id: string } }).artifact.artifact_id);
    }
    const ask = async (path: string): Promise<number> => {
      const began = process.hrtime.bigint();
      const { statusCode, body } = await client.request({
        method: "GET",
        path,
        headers: { authorization: `Bearer ${mine}` },
      });
      await body.dump();
      if (statusCode !== 404) throw new Error(`${path} was answered ${statusCode}`);
      return Number(process.hrtime.bigint() - began) / 1000;
    };
    for (const [name, suffix] of Object.entries(suffixes)) {
      const times = await compare(ask, foreign, suffix, Number(questions));
      yield costFigure({
        name: `404 for a foreign ${name}, median`,
        value: nearestRank(times.foreign, 0.5),
        unit: "us",
        against: "for an id that nobody has",
        base: nearestRank(times.absent, 0.5),
        note: `p90 ${numberText(nearestRank(times.foreign, 0.9))} and ${numberText(nearestRank(times.absent, 0.9))} us`,
      });
    }
    await client.close();
  },
};

if (import.meta.main) await runAlone(isolation);
