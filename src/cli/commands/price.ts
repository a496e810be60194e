// `charter price`: what model calls cost, from what their providers reported. It works on this machine; no server is asked.
//
// One answer for each line that is not blank, in order. Two things end with exit code 1:
// - A line that is not a question (no JSON, a key that is missing or unknown) stops the run after the answers before it.
// - An account that cannot be believed (a negative count, more cached tokens than tokens) is answered with null and named on
//   stderr, and the run goes on: it says something about one call and nothing about the others.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Prices } from "../../models/index.ts";
import { systemClock } from "../../kernel/clock.ts";
import { Fault } from "../../kernel/fault.ts";
import { nearestName } from "../../kernel/nearest.ts";
import { problemText } from "../../kernel/problem.ts";
import { parseYaml } from "../../kernel/yaml-document.ts";
import type { CommandBody } from "../command.ts";
import { complain, printable } from "../io.ts";
import type { Io } from "../io.ts";
import { linesOf, maxLineLength } from "../lines.ts";
import { exitCodes } from "../syntax.ts";

/** One question: a call as the provider accounted for it. */
interface Question {
  readonly provider: string;
  /** Null for a response that names no model. */
  readonly model: string | null;
  /** Null for a call of which the provider reported nothing. */
  readonly usage: Readonly<Record<string, unknown>> | null;
  readonly atMs: number | undefined;
}

const keys: readonly string[] = ["provider", "model", "usage", "at"];

/** `charter price` */
export const price: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options: [
    {
      name: "prices",
      value: "FILE",
      summary:
        "your own prices, which win: a YAML list of {provider, model, inputMicrodollarsPerMillion, outputMicrodollarsPerMillion}",
    },
  ],
  examples: [
    {
      line: `price <<< '{"provider":"openai","model":"gpt-4o","usage":{"prompt_tokens":1000,"completion_tokens":200}}'`,
      does: 'prints {"microdollars":4500}, or {"microdollars":null} where no price is known',
    },
    {
      line: "price --prices ours.yaml < calls.jsonl",
      does: "prices a file of calls; stops with exit 1 at a line that is not a question, and names a usage that lies",
    },
    {
      line: `price <<< '{"provider":"anthropic","model":"claude-sonnet-4-5","at":"2026-01-31T12:00:00Z","usage":{"input_tokens":10,"output_tokens":5}}'`,
      does: "takes the prices of that day",
    },
  ],
  run: async ({ io, options }) => {
    const prices = await openPriceList(io, options.text("prices"));
    let number = 0;
    let code: number = exitCodes.ok;
    for await (const lines of linesOf(io.stdin)) {
      let output = "";
      let goesOn = true;
      for (const line of lines) {
        number += 1;
        if (line.trim() === "") continue;
        const answer = answerTo(prices, line);
        goesOn = answer.microdollars !== undefined;
        if (goesOn) output += `${JSON.stringify({ microdollars: answer.microdollars })}\n`;
        if (answer.complaint !== undefined) {
          code = exitCodes.refused;
          complain(io, printable(`charter: line ${number}: ${answer.complaint}`));
        }
        if (!goesOn) break;
      }
      if (output !== "" && !io.stdout.write(output)) await once(io.stdout, "drain");
      if (!goesOn) break;
    }
    return code;
  },
};

/** What a line is answered with; undefined micro-dollars for one that is not a question. */
interface Answer {
  readonly microdollars?: number | null;
  readonly complaint?: string;
}

function answerTo(prices: Prices, line: string): Answer {
  try {
    return { microdollars: microdollarsOf(prices, questionOf(line)) };
  } catch (error) {
    if (error instanceof BadLineError) return { complaint: error.message };
    if (error instanceof Fault && error.code === "usage.invalid")
      return { microdollars: null, complaint: error.message };
    throw error;
  }
}

/** A line that is not a question. */
class BadLineError extends Error {
  override readonly name = "BadLineError";
}

/** The prices with those of a file, whose problems are said with line and column. */
async function openPriceList(io: Io, file: string | undefined): Promise<Prices> {
  const { openPrices } = await import("../../models/index.ts");
  if (file === undefined) return openPrices({ clock: systemClock });
  const document = parseYaml(file, await readFile(resolve(io.cwd, file), "utf8"));
  if (document.problems.length > 0) throw new Error(document.problems.map(problemText).join("\n"));
  try {
    return openPrices({ overrides: document.data, clock: systemClock });
  } catch (error) {
    if (!(error instanceof Fault) || error.facts.at === undefined) throw error;
    const path = error.facts.at.split("/").slice(1);
    const place = path.map((step, depth) => (depth === 0 ? Number(step) : step));
    throw new Error(problemText(document.problemAt(place, error.message)), { cause: error });
  }
}

function microdollarsOf(prices: Prices, { provider, model, usage, atMs }: Question): number | null {
  if (usage === null) return null;
  return prices.price(provider, model ?? "", usage, atMs).microdollars;
}

function questionOf(line: string): Question {
  const value = objectOf(line);
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    const nearest = nearestName(unknown, keys);
    throw new BadLineError(`unknown key "${unknown}"${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`);
  }
  const { provider, model, usage, at } = value;
  if (typeof provider !== "string" || provider === "") throw new BadLineError("provider must be a name");
  if (model !== null && typeof model !== "string") throw new BadLineError("model must be a name, or null");
  if (typeof usage !== "object" || Array.isArray(usage)) throw new BadLineError("usage must be an object, or null");
  return { provider, model, usage: usage as Question["usage"], atMs: at === undefined ? undefined : instantMsOf(at) };
}

function objectOf(line: string): Record<string, unknown> {
  if (line.length > maxLineLength) throw new BadLineError("it is too long");
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    throw new BadLineError("it is not JSON");
  }
  throw new BadLineError("it is not a JSON object");
}

/** Reads an RFC 3339 instant. */
function instantMsOf(at: unknown): number {
  const isShaped = typeof at === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(at);
  const instantMs = isShaped ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(instantMs)) throw new BadLineError("at must be an instant such as 2026-01-31T12:00:00Z");
  return instantMs;
}
