// The labelled prompts that the analyser's weights are fitted on and judged by: what a weak and a strong model made of
// each prompt. They lie next to the project on some machines and are never copied into it.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** Where the labelled prompts lie, when they are there. */
export const labelledFolder = new URL("../../../shared/data/routing/", import.meta.url);

/** The sets of labelled prompts. */
export const labelledSets = ["gsm8k", "mmlu", "nine-models"] as const;
/** One of the sets. */
export type LabelledSet = (typeof labelledSets)[number];

/** The pair of models that the nine-models set is ranked for. */
const ninePair = { weak: "mistral-7b-instruct-v0.3", strong: "llama-3.1-nemotron-51b-instruct" } as const;

/** A prompt and how two models did on it. */
export interface Labelled {
  readonly set: LabelledSet;
  /** The family of tasks: the set's own subject, or a kind recognised by its form. */
  readonly family: string;
  readonly prompt: string;
  /** 0 to 1: how right the weak model was. */
  readonly weak: number;
  /** 0 to 1: how right the strong model was. */
  readonly strong: number;
  /** A number drawn from the prompt's first words, the same for near-duplicates: splits are made by it. */
  readonly lot: number;
}

/** Whether the labelled prompts are there. */
export function hasLabelled(): boolean {
  return labelledSets.every((set) => existsSync(new URL(`${set}.jsonl.gz`, labelledFolder)));
}

/** Reads all labelled prompts, in the order of the files. */
export function readLabelled(): Labelled[] {
  return labelledSets.flatMap((set) => {
    const lines = gunzipSync(readFileSync(new URL(`${set}.jsonl.gz`, labelledFolder))).toString("utf8");
    return lines
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => labelledFrom(set, JSON.parse(line)));
  });
}

/** A line of the files, of either form. */
interface Line {
  readonly prompt?: string;
  readonly question?: string;
  readonly subject?: string;
  readonly weak?: number;
  readonly strong?: number;
  readonly scores?: Readonly<Record<string, number>>;
}

function labelledFrom(set: LabelledSet, line: Line): Labelled {
  const prompt = line.prompt ?? line.question;
  const weak = line.weak ?? line.scores?.[ninePair.weak];
  const strong = line.strong ?? line.scores?.[ninePair.strong];
  if (prompt === undefined || weak === undefined || strong === undefined)
    throw new Error(`a line of ${set} lacks a field`);
  const family = line.subject ?? (set === "gsm8k" ? "word problems" : formOf(prompt));
  return { set, family, prompt, weak, strong, lot: lotOf(prompt) };
}

/** The same for prompts that begin alike, so that a near-duplicate never stands on both sides of a split. */
function lotOf(prompt: string): number {
  const start = prompt
    .split("\nA. ", 1)
    .join()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, " ")
    .trim()
    .slice(0, 60);
  return createHash("sha256").update(start).digest().readUInt32BE(0);
}

/** The kind of a prompt of the nine-models set, which names none, by its form. */
function formOf(prompt: string): string {
  if (prompt.includes("houses") && /in a row|next to each other/.test(prompt)) return "logic grid";
  if (/^\s*def |"""|'''/m.test(prompt)) return "function to complete";
  if (/^\s*write a (?:python )?function|python function/i.test(prompt)) return "function to write";
  if (/^[a-z]+(?:, [a-z]+){6,}$/.test(prompt.trim())) return "sentence from words";
  if (prompt.includes("\\boxed")) return "word problems";
  if (/\$[^$]*[\\a-zA-Z=^+][^$]*\$/.test(prompt)) return "mathematics";
  if (prompt.length > 700) return "reading";
  if (/^[a-z]/.test(prompt) && !prompt.includes("?")) return "search query";
  const numbers = prompt.match(/\d+/g)?.length ?? 0;
  if (numbers >= 2 && /how (?:many|much|old|long|far|tall)|what(?:'s| is) the|percent/i.test(prompt))
    return "word problems";
  return "short question";
}
