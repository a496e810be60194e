// A saying as servers of the Responses API write it.
import { jsonOf } from "./saying.ts";
import type { Dice, Manner, SaidPart, SaidUsage, Saying, Written } from "./saying.ts";

type Fields = Record<string, unknown>;

/** What servers of this API do differently from OpenAI's own. */
export const responsesHabits = [
  "no deltas", // words only where they end
  "only items", // words only in the items that are done
  "only the last event",
  "parts of a summary",
  "an empty part of a summary",
  "reasoning text", // vLLM, LM Studio, Ollama
  "encrypted reasoning",
  "annotations",
  "no output index",
  "calls in turns",
  "unknown events",
  "output null at first",
  "crlf",
] as const;

/** Writes the first choice of a saying. */
export function writeResponses(saying: Saying, manner: Manner): Written {
  const writer = new ResponsesWriter(saying, manner);
  const { dice } = manner;
  return { whole: jsonOf(writer.whole()), pieces: dice.cutBytes(Buffer.from(writer.stream(dice))) };
}

class ResponsesWriter {
  readonly #saying: Saying;
  readonly #habits: ReadonlySet<string>;
  readonly #parts: readonly SaidPart[];
  readonly #status: Fields;

  constructor(saying: Saying, { habits }: Manner) {
    this.#saying = saying;
    this.#habits = habits;
    const [choice] = saying.choices;
    this.#parts = choice?.parts ?? [];
    const reason = { length: "max_output_tokens", filter: "content_filter", odd: "of_its_own" }[String(choice?.finish)];
    this.#status =
      reason === undefined
        ? { status: "completed", incomplete_details: null }
        : { status: "incomplete", incomplete_details: { reason } };
  }

  whole(): Fields {
    return { ...this.#response(this.#status), output: this.#items(), ...this.#usage(this.#saying.usage) };
  }

  #response(status: Fields): Fields {
    const { id, model } = this.#saying;
    return {
      id: `resp_${id}`,
      object: "response",
      created_at: 1_760_000_000,
      ...status,
      error: null,
      instructions: null,
      metadata: {},
      model,
      output: this.#habits.has("output null at first") ? null : [],
      parallel_tool_calls: true,
      temperature: 1,
      tool_choice: "auto",
      tools: [],
      top_p: 1,
      usage: null,
    };
  }

  #usage(usage: SaidUsage | undefined): Fields {
    if (usage === undefined) return { usage: null };
    const { input, output, cached, reasoning } = usage;
    return {
      usage: {
        input_tokens: input,
        input_tokens_details: { cached_tokens: cached },
        output_tokens: output,
        output_tokens_details: { reasoning_tokens: reasoning },
        total_tokens: input + output,
      },
    };
  }

  #items(): Fields[] {
    return this.#parts.map((part, at) => this.#item(part, at));
  }

  #item(part: SaidPart, at: number): Fields {
    if (part.kind === "call") {
      const { id, name, words } = part;
      return { id: `fc_${at}`, type: "function_call", status: "completed", call_id: id, name, arguments: words };
    }
    if (part.kind === "thought") {
      const sealed = this.#habits.has("encrypted reasoning") ? { encrypted_content: "gAAAA" } : {};
      if (this.#habits.has("reasoning text")) {
        const content = [{ type: "reasoning_text", text: part.text }];
        return { id: `rs_${at}`, type: "reasoning", summary: [], content, ...sealed };
      }
      const summary = this.#summary(part.text).map((text) => ({ type: "summary_text", text }));
      return { id: `rs_${at}`, type: "reasoning", summary, ...sealed };
    }
    return { id: `msg_${at}`, type: "message", status: "completed", role: "assistant", content: [this.#content(part)] };
  }

  #content(part: Extract<SaidPart, { kind: "text" | "refusal" }>): Fields {
    if (part.kind === "refusal") return { type: "refusal", refusal: part.text };
    const annotations = this.#habits.has("annotations") ? [citation] : [];
    return { type: "output_text", text: part.text, annotations, logprobs: [] };
  }

  #summary(text: string): string[] {
    const parts = this.#habits.has("parts of a summary") ? [text, text] : [text];
    return this.#habits.has("an empty part of a summary") ? ["", ...parts] : parts;
  }

  stream(dice: Dice): string {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const items = this.#items();
    const lists = this.#parts.map((part, at) => this.#events(part, at, items[at] ?? {}, dice));
    const events: Fields[] = [];
    const begun = this.#response({ status: "in_progress", incomplete_details: null });
    events.push({ type: "response.created", response: begun }, { type: "response.in_progress", response: begun });
    if (!has("only the last event")) {
      const inTurns = has("calls in turns") && !has("no output index");
      events.push(...(inTurns ? inItsTurns(this.#parts, lists, dice) : lists.flat()));
    }
    if (has("unknown events")) events.push({ type: "response.judged", verdict: { fine: true } });
    const type = this.#status["status"] === "completed" ? "response.completed" : "response.incomplete";
    events.push({ type, response: this.whole() });
    const line = has("crlf") ? "\r\n" : "\n";
    return events
      .map(
        (event, sequence_number) =>
          `event: ${String(event["type"])}${line}data: ${jsonOf({ ...event, sequence_number })}${line}${line}`,
      )
      .join("");
  }

  #events(part: SaidPart, at: number, item: Fields, dice: Dice): Fields[] {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const index = has("no output index") ? {} : { output_index: at };
    const place = { item_id: item["id"], ...index };
    const done = { type: "response.output_item.done", ...index, item };
    const added = (fields: Fields): Fields => ({
      type: "response.output_item.added",
      ...index,
      item: { ...item, ...fields },
    });
    if (has("only items")) return [done];
    const pieces = (text: string): string[] => (has("no deltas") ? [] : dice.cut(text));
    if (part.kind === "call") {
      const deltas = pieces(part.words).map((delta) => ({
        type: "response.function_call_arguments.delta",
        ...place,
        delta,
      }));
      const end = { type: "response.function_call_arguments.done", ...place, name: part.name, arguments: part.words };
      return [added({ arguments: "", status: "in_progress" }), ...deltas, end, done];
    }
    if (part.kind === "thought")
      return [added({ summary: [], content: [] }), ...this.#thought(part.text, place, pieces), done];
    const of = part.kind === "text" ? "response.output_text" : "response.refusal";
    const field = part.kind === "text" ? "text" : "refusal";
    const content = { ...place, content_index: 0 };
    return [
      added({ content: [], status: "in_progress" }),
      { type: "response.content_part.added", ...content, part: { ...this.#content(part), [field]: "" } },
      ...pieces(part.text).map((delta) => ({ type: `${of}.delta`, ...content, delta })),
      { type: `${of}.done`, ...content, [field]: part.text },
      { type: "response.content_part.done", ...content, part: this.#content(part) },
      done,
    ];
  }

  #thought(text: string, place: Fields, pieces: (text: string) => string[]): Fields[] {
    if (this.#habits.has("reasoning text")) {
      const at = { ...place, content_index: 0 };
      const deltas = pieces(text).map((delta) => ({ type: "response.reasoning_text.delta", ...at, delta }));
      const part = { type: "reasoning_text", text: "" };
      const added = { type: "response.content_part.added", ...at, part };
      return [added, ...deltas, { type: "response.reasoning_text.done", ...at, text }];
    }
    return this.#summary(text).flatMap((words, summary_index) => {
      const at = { ...place, summary_index };
      const deltas = pieces(words).map((delta) => ({ type: "response.reasoning_summary_text.delta", ...at, delta }));
      return [
        { type: "response.reasoning_summary_part.added", ...at, part: { type: "summary_text", text: "" } },
        ...deltas,
        { type: "response.reasoning_summary_text.done", ...at, text: words },
        { type: "response.reasoning_summary_part.done", ...at, part: { type: "summary_text", text: words } },
      ];
    });
  }
}

/** The events of neighbouring calls take turns; they begin in their order. */
function inItsTurns(parts: readonly SaidPart[], lists: readonly (readonly Fields[])[], dice: Dice): Fields[] {
  const events: Fields[] = [];
  let calls: (readonly Fields[])[] = [];
  const flush = (): void => {
    events.push(...calls.flatMap(([first]) => (first === undefined ? [] : [first])));
    events.push(...dice.mixed(calls.map(([, ...rest]) => rest)));
    calls = [];
  };
  for (const [at, part] of parts.entries()) {
    if (part.kind === "call") calls.push(lists[at] ?? []);
    else {
      flush();
      events.push(...(lists[at] ?? []));
    }
  }
  flush();
  return events;
}

const citation = { type: "url_citation", start_index: 0, end_index: 1, title: "So", url: "https://so.example/" };
