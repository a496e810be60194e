// A saying as servers of the Messages API write it.
import { jsonOf, objectWords, verbatim } from "./saying.ts";
import type { Dice, Manner, SaidFinish, SaidPart, SaidUsage, Saying, Written } from "./saying.ts";

type Fields = Record<string, unknown>;

/** What servers of this API do differently from each other. */
export const messagesHabits = [
  "input at the start", // Ollama, LM Studio
  "empty input deltas",
  "no input deltas", // of a tool without arguments
  "pings",
  "no usage at the start",
  "usage null", // several compatible servers
  "all usage at the end",
  "no message stop",
  "unknown events",
  "unknown fields",
  "citations",
  "server tools",
  "redacted thinking",
  "text in the start",
  "crlf",
  "no event names",
] as const;

const words: Readonly<Record<SaidFinish, string | null>> = {
  stop: "end_turn",
  length: "max_tokens",
  tools: "tool_use",
  filter: "refusal",
  none: null,
  odd: "pause_turn",
};

/** Writes the first choice of a saying. */
export function writeMessages(saying: Saying, manner: Manner): Written {
  const writer = new MessagesWriter(saying, manner);
  const { dice } = manner;
  return { whole: jsonOf(writer.whole()), pieces: dice.cutBytes(Buffer.from(writer.stream(dice))) };
}

class MessagesWriter {
  readonly #saying: Saying;
  readonly #habits: ReadonlySet<string>;
  readonly #blocks: readonly SaidPart[];
  readonly #reason: string | null;

  constructor(saying: Saying, { habits }: Manner) {
    this.#saying = saying;
    this.#habits = habits;
    const [choice] = saying.choices;
    // The API has no refusals in words.
    this.#blocks = (choice?.parts ?? []).map((part) =>
      part.kind === "refusal" ? { kind: "text", text: part.text } : part,
    );
    const calls = this.#blocks.some(({ kind }) => kind === "call");
    const finish = choice?.finish ?? "stop";
    this.#reason = words[finish === "tools" && !calls ? "stop" : finish === "stop" && calls ? "tools" : finish];
  }

  whole(): Fields {
    const content = this.#blocks.flatMap((part) => this.#whole(part));
    if (this.#habits.has("redacted thinking")) content.unshift({ type: "redacted_thinking", data: "c2VjcmV0" });
    if (this.#habits.has("server tools")) content.unshift(...serverTool);
    return { ...this.#head(), content, stop_reason: this.#reason, ...this.#usage(this.#saying.usage) };
  }

  #whole(part: SaidPart): Fields[] {
    if (part.kind === "text") {
      return [{ type: "text", text: part.text, ...(this.#habits.has("citations") && { citations: [citation] }) }];
    }
    if (part.kind === "call")
      return [{ type: "tool_use", id: part.id, name: part.name, input: verbatim(objectWords(part.words)) }];
    if (part.kind !== "thought") return [];
    return [{ type: "thinking", thinking: part.text, signature: part.seal ?? "" }];
  }

  #head(): Fields {
    const { id, model } = this.#saying;
    return {
      id: id === "" ? "msg_0" : id,
      type: "message",
      role: "assistant",
      model,
      stop_sequence: null,
      ...(this.#habits.has("unknown fields") && { diagnostics: { seen: [1, "two"] } }),
    };
  }

  #usage(usage: SaidUsage | undefined): Fields {
    if (usage === undefined) return this.#habits.has("usage null") ? { usage: null } : {};
    return { usage: accountOf(usage) };
  }

  stream(dice: Dice): string {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const { usage } = this.#saying;
    const events: Fields[] = [];
    const isLate = has("no usage at the start") || has("all usage at the end");
    const begun = usage === undefined || isLate ? {} : { usage: { ...accountOf(usage), output_tokens: 1 } };
    const message = {
      ...this.#head(),
      content: [],
      stop_reason: null,
      ...(usage === undefined ? this.#usage(usage) : begun),
    };
    events.push({ type: "message_start", message });
    const blocks: Fields[][] = this.#blocks.map((part) => this.#block(part, dice));
    if (has("redacted thinking"))
      blocks.unshift([{ type: "content_block_start", content_block: { type: "redacted_thinking", data: "c2VjcmV0" } }]);
    if (has("server tools"))
      blocks.unshift(...serverTool.map((block) => [{ type: "content_block_start", content_block: block }]));
    for (const [index, block] of blocks.entries()) {
      for (const event of [...block, { type: "content_block_stop" }]) events.push({ ...event, index });
      if (has("pings")) events.push({ type: "ping" });
      if (has("unknown events")) events.push({ type: "content_block_judged", index, verdict: { fine: true } });
    }
    events.push({
      type: "message_delta",
      delta: { stop_reason: this.#reason, stop_sequence: null },
      ...this.#lastUsage(),
    });
    if (!has("no message stop") || this.#reason === null) events.push({ type: "message_stop" });
    const line = has("crlf") ? "\r\n" : "\n";
    const name = (type: unknown): string => (has("no event names") ? "" : `event: ${String(type)}${line}`);
    return events.map((event) => `${name(event["type"])}data: ${jsonOf(event)}${line}${line}`).join("");
  }

  #lastUsage(): Fields {
    const { usage } = this.#saying;
    if (usage === undefined) return this.#usage(usage);
    if (this.#habits.has("all usage at the end") || this.#habits.has("no usage at the start"))
      return { usage: accountOf(usage) };
    return { usage: { output_tokens: usage.output } };
  }

  #block(part: SaidPart, dice: Dice): Fields[] {
    const has = (habit: string): boolean => this.#habits.has(habit);
    const start = (content_block: Fields): Fields => ({ type: "content_block_start", content_block });
    const delta = (fields: Fields): Fields => ({ type: "content_block_delta", delta: fields });
    if (part.kind === "text") {
      const [first = "", ...rest] = dice.cut(part.text);
      const early = has("text in the start") ? first : "";
      const texts = has("text in the start") ? rest : [first, ...rest];
      const cited = has("citations") ? [delta({ type: "citations_delta", citation })] : [];
      return [
        start({ type: "text", text: early }),
        ...texts.map((text) => delta({ type: "text_delta", text })),
        ...cited,
      ];
    }
    if (part.kind === "thought") {
      const texts = dice.cut(part.text).map((thinking) => delta({ type: "thinking_delta", thinking }));
      const seal = part.seal === undefined ? [] : [delta({ type: "signature_delta", signature: part.seal })];
      return [start({ type: "thinking", thinking: "", signature: "" }), ...texts, ...seal];
    }
    if (part.kind === "refusal") return [];
    const { id, name } = part;
    const json = objectWords(part.words);
    const tool = { type: "tool_use", id, name };
    if (has("input at the start")) return [start({ ...tool, input: verbatim(json) })];
    const none = json === "{}" && has("no input deltas");
    const pieces = none ? [] : dice.cut(json);
    if (has("empty input deltas")) pieces.unshift("");
    return [
      start({ ...tool, input: {} }),
      ...pieces.map((partial_json) => delta({ type: "input_json_delta", partial_json })),
    ];
  }
}

const citation = {
  type: "char_location",
  cited_text: "so",
  document_index: 0,
  document_title: null,
  start_char_index: 0,
  end_char_index: 2,
};
const serverTool: Fields[] = [
  { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "so" } },
  { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] },
];

function accountOf({ input, output, cached }: SaidUsage): Fields {
  return {
    input_tokens: input - cached,
    output_tokens: output,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
  };
}
