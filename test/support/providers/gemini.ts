// A saying as Gemini's API writes it.
import { jsonOf, objectWords, verbatim } from "./saying.ts";
import type { Dice, Manner, SaidChoice, SaidFinish, SaidPart, SaidUsage, Saying, Written } from "./saying.ts";

type Fields = Record<string, unknown>;

/** What differs between the models and versions of this API. */
export const geminiHabits = [
  "calls with ids",
  "no args",
  "candidates without index",
  "finish in a chunk of its own",
  "content without parts",
  "null content",
  "usage only last",
  "usage growing",
  "several parts in a chunk",
  "seal in an empty text",
  "grounding",
  "average logprobs",
  "lf",
] as const;

const words: Readonly<Record<SaidFinish, string>> = {
  stop: "STOP",
  tools: "STOP",
  length: "MAX_TOKENS",
  filter: "SAFETY",
  none: "FINISH_REASON_UNSPECIFIED",
  odd: "OTHER",
};

/** Writes a saying. */
export function writeGemini(saying: Saying, manner: Manner): Written {
  const writer = new GeminiWriter(saying, manner);
  const { dice } = manner;
  return { whole: jsonOf(writer.whole()), pieces: dice.cutBytes(Buffer.from(writer.stream(dice))) };
}

class GeminiWriter {
  readonly #saying: Saying;
  readonly #habits: ReadonlySet<string>;

  constructor(saying: Saying, { habits }: Manner) {
    this.#saying = saying;
    this.#habits = habits;
  }

  whole(): Fields {
    const candidates = this.#saying.choices.map((choice, index) => {
      const parts = choice.parts.flatMap((part) => this.#parts(part, undefined));
      return {
        content: { role: "model", parts },
        ...this.#index(index),
        finishReason: words[choice.finish],
        ...this.#more(),
      };
    });
    return { candidates, ...this.#usage(this.#saying.usage), ...this.#tail() };
  }

  stream(dice: Dice): string {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const lists = this.#saying.choices.map((choice, index) => this.#chunksOf(choice, index, dice));
    const { usage } = this.#saying;
    const chunks: Fields[] = dice.mixed(lists).map((candidate, at) => {
      const early = usage !== undefined && has("usage growing") ? { ...usage, output: at, reasoning: 0 } : usage;
      return { candidates: [candidate], ...(has("usage only last") ? {} : this.#usage(early)), ...this.#tail() };
    });
    Object.assign(chunks.at(-1) ?? {}, this.#usage(usage));
    const line = has("lf") ? "\n" : "\r\n";
    return chunks.map((chunk) => `data: ${jsonOf(chunk)}${line}${line}`).join("");
  }

  #index(index: number): Fields {
    return this.#habits.has("candidates without index") && this.#saying.choices.length === 1 ? {} : { index };
  }

  #more(): Fields {
    return {
      ...(this.#habits.has("average logprobs") && { avgLogprobs: -0.25 }),
      ...(this.#habits.has("grounding") && { groundingMetadata: { webSearchQueries: ["so"] }, safetyRatings: [] }),
    };
  }

  #tail(): Fields {
    const { id, model } = this.#saying;
    return { modelVersion: model, ...(id === "" ? {} : { responseId: id }) };
  }

  #usage(usage: SaidUsage | undefined): Fields {
    if (usage === undefined) return {};
    const { input, output, cached, reasoning } = usage;
    return {
      usageMetadata: {
        promptTokenCount: input,
        candidatesTokenCount: output,
        totalTokenCount: input + output + reasoning,
        ...(cached > 0 && { cachedContentTokenCount: cached }),
        ...(reasoning > 0 && { thoughtsTokenCount: reasoning }),
      },
    };
  }

  #parts(part: SaidPart, dice: Dice | undefined): Fields[] {
    if (part.kind === "call") {
      const { id, name } = part;
      const json = objectWords(part.words);
      const args = this.#habits.has("no args") && json === "{}" ? {} : { args: verbatim(json) };
      return [{ functionCall: { name, ...args, ...(this.#habits.has("calls with ids") && { id }) } }];
    }
    const texts = dice === undefined ? [part.text] : dice.cut(part.text);
    const parts: Fields[] = texts.map((text) => ({ text, ...(part.kind === "thought" && { thought: true }) }));
    const last = parts.at(-1);
    if (part.kind !== "thought" || part.seal === undefined) return parts;
    if (this.#habits.has("seal in an empty text")) parts.push({ text: "", thoughtSignature: part.seal });
    else if (last !== undefined) last["thoughtSignature"] = part.seal;
    return parts;
  }

  #chunksOf(choice: SaidChoice, index: number, dice: Dice): Fields[] {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const parts = choice.parts.flatMap((part) => this.#parts(part, dice));
    const groups: Fields[][] = [];
    for (const part of parts) {
      if (has("several parts in a chunk") && groups.length > 0 && dice.roll(2) === 0) groups.at(-1)?.push(part);
      else groups.push([part]);
    }
    const chunks: Fields[] = groups.map((group) => ({
      content: { role: "model", parts: group },
      ...this.#index(index),
    }));
    const end = { finishReason: words[choice.finish], ...this.#more() };
    if (!has("finish in a chunk of its own")) Object.assign(chunks.at(-1) ?? {}, end);
    else {
      const content = has("null content")
        ? null
        : has("content without parts")
          ? { role: "model" }
          : { role: "model", parts: [{ text: "" }] };
      chunks.push({ content, ...this.#index(index), ...end });
    }
    return chunks;
  }
}
