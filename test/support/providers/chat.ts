// A saying as servers of chat completions write it. Each habit is one that a server was seen with.
import { jsonOf, objectWords, verbatim } from "./saying.ts";
import type { Dice, Manner, SaidChoice, SaidFinish, SaidPart, SaidUsage, Saying, Written } from "./saying.ts";

type Fields = Record<string, unknown>;
type Call = Extract<SaidPart, { kind: "call" }>;

/** What servers of this API do differently from OpenAI's own. */
export const chatHabits = [
  "calls without index", // Gemini's compatible API, Ollama
  "every call at index 0", // Gemini's compatible API
  "calls without ids", // Ollama
  "calls without type", // Mistral
  "calls whole in one delta", // Ollama, Mistral, xAI, Groq
  "arguments as objects", // vLLM's parsers, older Ollama
  "calls in turns",
  "name and id in every delta", // DeepSeek's older API
  "no arguments as empty text", // Anthropic's compatible API
  "no arguments as null", // SGLang
  "empty deltas",
  "null fields", // OpenRouter, LM Studio
  "no role", // several proxies
  "role in every delta", // OpenRouter, xAI
  "reasoning", // OpenRouter, Groq, vLLM
  "content as a list", // Mistral
  "usage in every chunk", // vLLM, xAI
  "usage beside the finish", // DeepSeek, Mistral
  "usage in x_groq", // Groq
  "usage null before", // OpenAI
  "stop after calls", // vLLM, Gemini
  "finish on every chunk", // Gemini
  "finish twice",
  "choices without index",
  "prompt filter first", // Azure
  "comments", // OpenRouter
  "crlf",
  "no done", // Ollama behind proxies
  "message in place of delta",
] as const;

const words: Readonly<Record<SaidFinish, string | null>> = {
  stop: "stop",
  length: "length",
  tools: "tool_calls",
  filter: "content_filter",
  none: null,
  odd: "a_word_of_its_own",
};

/** Writes a saying. */
export function writeChat(saying: Saying, manner: Manner): Written {
  const writer = new ChatWriter(saying, manner);
  const { dice } = manner;
  return { whole: jsonOf(writer.whole()), pieces: dice.cutBytes(Buffer.from(writer.stream(dice))) };
}

class ChatWriter {
  readonly #saying: Saying;
  readonly #habits: ReadonlySet<string>;

  constructor(saying: Saying, { habits }: Manner) {
    // A message has its refusal apart from its text.
    const choices = saying.choices.map((choice) => ({ ...choice, parts: refusalsLast(choice.parts) }));
    this.#saying = { ...saying, choices };
    this.#habits = habits;
  }

  whole(): Fields {
    const choices = this.#saying.choices.map((choice, index) => ({
      ...this.#index(index),
      message: this.#message(choice),
      ...(choice.logprobs === undefined ? {} : { logprobs: logprobsOf(choice.logprobs) }),
      finish_reason: this.#finish(choice),
    }));
    return { ...this.#head("chat.completion"), choices, ...this.#usage() };
  }

  stream(dice: Dice): string {
    const { choices, usage } = this.#saying;
    const lists = choices.map((choice, index) => this.#chunksOf(choice, index, dice));
    const has = (habit: string): boolean => this.#habits.has(habit);
    const isBeside = has("usage beside the finish") || has("usage in x_groq");
    const chunks: Fields[] = dice.mixed(lists).map((choice) => ({ choices: [choice] }));
    if (has("usage null before")) for (const chunk of chunks) chunk["usage"] = null;
    if (has("usage in every chunk") && !has("usage in x_groq") && usage !== undefined) {
      for (const [at, chunk] of chunks.entries())
        chunk["usage"] = accountOf({ ...usage, output: at + 1, reasoning: 0 });
    }
    if (isBeside) Object.assign(chunks.at(-1) ?? {}, this.#usage());
    else if (usage !== undefined) chunks.push({ choices: [], ...this.#usage() });
    const frames = chunks.map((chunk) => jsonOf({ ...this.#head("chat.completion.chunk"), ...chunk }));
    if (has("prompt filter first"))
      frames.unshift('{"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]}');
    const end = has("no done") && choices.every(({ finish }) => finish !== "none") ? [] : ["[DONE]"];
    const line = has("crlf") ? "\r\n" : "\n";
    const comment = has("comments") ? `: OPENROUTER PROCESSING${line}${line}` : "";
    return [...frames, ...end].map((data) => `${comment}data: ${data}${line}${line}`).join("");
  }

  #head(object: string): Fields {
    const { id, model } = this.#saying;
    return { ...(id === "" ? {} : { id }), object, created: 1_760_000_000, model };
  }

  #usage(): Fields {
    const { usage } = this.#saying;
    if (usage === undefined) return {};
    const account = accountOf(usage);
    return this.#habits.has("usage in x_groq") ? { x_groq: { id: "req_1", usage: account } } : { usage: account };
  }

  #index(index: number): Fields {
    return this.#habits.has("choices without index") && this.#saying.choices.length === 1 ? {} : { index };
  }

  #finish({ parts, finish }: SaidChoice): string | null {
    const calls = parts.some(({ kind }) => kind === "call");
    if (calls && finish === "tools" && this.#habits.has("stop after calls")) return "stop";
    return finish === "tools" && !calls ? "stop" : words[finish];
  }

  #message({ parts }: SaidChoice): Fields {
    const said = (kind: SaidPart["kind"]): string =>
      parts.map((part) => (part.kind === kind && "text" in part ? part.text : "")).join("");
    const calls = parts.filter((part) => part.kind === "call");
    const message: Fields = { role: "assistant", ...this.#words(said("text"), said("thought")) };
    if (message["content"] === undefined) message["content"] = calls.length > 0 || said("refusal") !== "" ? null : "";
    if (said("refusal") !== "") message["refusal"] = said("refusal");
    if (calls.length > 0) message["tool_calls"] = calls.map((call, at) => this.#call(call, at, this.#arguments(call)));
    if (this.#habits.has("null fields"))
      Object.assign(message, { audio: null, function_call: null, annotations: null });
    return message;
  }

  #words(text: string, thought: string): Fields {
    if (this.#habits.has("content as a list")) {
      const list: Fields[] = [];
      if (thought !== "") list.push({ type: "thinking", thinking: [{ type: "text", text: thought }] });
      if (text !== "" && thought === "") return { content: text };
      if (text !== "") list.push({ type: "text", text });
      return list.length === 0 ? {} : { content: list };
    }
    const field = this.#habits.has("reasoning") ? "reasoning" : "reasoning_content";
    return { ...(text === "" ? {} : { content: text }), ...(thought === "" ? {} : { [field]: thought }) };
  }

  #arguments({ words: json }: Call): unknown {
    if (this.#habits.has("no arguments as null") && json === "{}") return null;
    if (this.#habits.has("no arguments as empty text") && json === "{}") return "";
    return this.#habits.has("arguments as objects") ? verbatim(objectWords(json)) : json;
  }

  #call({ id, name }: Call, at: number, words: unknown, isStream = false): Fields {
    const has = (habit: string): boolean => this.#habits.has(habit);
    return {
      ...(isStream && !has("calls without index") && { index: has("every call at index 0") ? 0 : at }),
      // Without either nothing tells a call from the one before it.
      ...((!has("calls without ids") || has("every call at index 0")) && { id }),
      ...(!has("calls without type") && { type: "function" }),
      function: { name, arguments: words },
    };
  }

  #chunksOf(choice: SaidChoice, index: number, dice: Dice): Fields[] {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const deltas: Fields[] = [];
    if (!has("no role")) deltas.push({ role: "assistant", content: "" });
    let calls: Call[] = [];
    let taken = 0;
    const flush = (): void => {
      deltas.push(...this.#callDeltas(calls, taken, dice));
      taken += calls.length;
      calls = [];
    };
    for (const part of choice.parts) {
      if (part.kind === "call") calls.push(part);
      else {
        flush();
        for (const text of dice.cut(part.text)) deltas.push(this.#wordDelta(part.kind, text));
        if (has("empty deltas")) deltas.push({ content: "" }, {});
      }
    }
    flush();
    if (has("null fields")) {
      for (const delta of deltas) Object.assign(delta, { content: null, refusal: null, tool_calls: null, ...delta });
    }
    if (has("role in every delta")) for (const delta of deltas) delta["role"] = "assistant";
    return this.#framed(choice, index, deltas);
  }

  #wordDelta(kind: "text" | "thought" | "refusal", text: string): Fields {
    if (kind === "refusal") return { refusal: text };
    return kind === "text" ? { content: text } : this.#words("", text);
  }

  #callDeltas(calls: readonly Call[], taken: number, dice: Dice): Fields[] {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const isWhole = ["calls whole in one delta", "arguments as objects", "calls without index"].some(has);
    const lists = calls.map((call, i) => {
      const at = taken + i;
      const words = this.#arguments(call);
      const first = this.#call(call, at, isWhole ? words : "", true);
      if (isWhole || typeof words !== "string") return [first];
      const index = has("every call at index 0") ? 0 : at;
      const again = has("name and id in every delta") && !has("calls without ids");
      const more = dice.cut(words).map((text) => ({
        index,
        ...(again && { id: call.id }),
        function: { ...(again && { name: call.name }), arguments: text },
      }));
      return [first, ...more];
    });
    const inTurns = has("calls in turns") && !has("every call at index 0");
    return (inTurns ? dice.mixed(ordered(lists, dice)) : lists.flat()).map((call) => ({ tool_calls: [call] }));
  }

  #framed(choice: SaidChoice, index: number, deltas: readonly Fields[]): Fields[] {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const reason = this.#finish(choice);
    const field = has("message in place of delta") ? "message" : "delta";
    const often = has("finish on every chunk") ? reason : null;
    const chunks: Fields[] = deltas.map((delta) => ({ ...this.#index(index), [field]: delta, finish_reason: often }));
    const { logprobs } = choice;
    if (logprobs !== undefined) {
      const [first] = chunks;
      if (first === undefined)
        chunks.push({ ...this.#index(index), [field]: {}, logprobs: logprobsOf(logprobs), finish_reason: null });
      else first["logprobs"] = logprobsOf(logprobs);
    }
    const end = { ...this.#index(index), [field]: {}, finish_reason: reason };
    return [...chunks, end, ...(has("finish twice") ? [{ ...end }] : [])];
  }
}

function refusalsLast(parts: readonly SaidPart[]): readonly SaidPart[] {
  const isRefusal = ({ kind }: SaidPart): boolean => kind === "refusal";
  return [...parts.filter((part) => !isRefusal(part)), ...parts.filter(isRefusal)];
}

/** Calls begin in their order. */
function ordered(lists: readonly (readonly Fields[])[], dice: Dice): readonly (readonly Fields[])[] {
  if (lists.length < 2 || dice.roll(2) === 0) return [lists.flat()];
  const firsts = lists.flatMap(([first]) => (first === undefined ? [] : [first]));
  return [[...firsts, ...dice.mixed(lists.map(([, ...rest]) => rest))]];
}

function accountOf({ input, output, cached, reasoning }: SaidUsage): Fields {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

function logprobsOf(values: readonly number[]): Fields {
  return { content: values.map((logprob) => ({ token: "x", logprob, bytes: [120], top_logprobs: [] })), refusal: null };
}
