// What the official client of each front door understands of one call, whole and streamed: the same meaning must be heard.
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { parseLossless } from "../../../src/kernel/json-exact.ts";

/** The front doors. */
export const fronts = ["chat", "messages", "responses"] as const;
/** One of them. */
export type Front = (typeof fronts)[number];

/** One answer as it was understood. */
export interface HeardChoice {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  readonly seals: readonly string[];
  readonly calls: readonly { readonly id: string; readonly name: string; readonly words: string }[];
  readonly finish: unknown;
  readonly logprobs?: unknown;
}

/** What was understood of a call. */
export interface Heard {
  readonly id: string;
  readonly model: string;
  readonly choices: readonly HeardChoice[];
  readonly usage: unknown;
}

/** How a call is made. */
export interface Asking {
  readonly openai: OpenAI;
  readonly anthropic: Anthropic;
  readonly model: string;
  readonly choices: number;
}

type Loose = Record<string, unknown>;

/** Asks through a front door. @throws What the client raises. */
export function heard(front: Front, asking: Asking, isStream: boolean): Promise<Heard> {
  const ways = { chat: ofChat, messages: ofMessages, responses: ofResponses };
  return ways[front](asking, isStream);
}

async function ofChat({ openai, model, choices }: Asking, isStream: boolean): Promise<Heard> {
  const body = {
    model,
    messages: [{ role: "user" as const, content: "Say it." }],
    temperature: 1,
    ...(choices > 1 && { n: choices }),
  };
  if (!isStream) {
    const read = await openai.chat.completions.create(body);
    return { ...chatOf(read), id: read.id };
  }
  const stream = openai.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
  // The client keeps of a field that it does not know only the last piece.
  const thoughts = new Map<number, string>();
  stream.on("chunk", (chunk) => {
    for (const { index, delta } of chunk.choices) {
      const { reasoning_content: one, reasoning: other } = delta as Loose;
      const said = typeof one === "string" ? one : typeof other === "string" ? other : "";
      thoughts.set(index, (thoughts.get(index) ?? "") + said);
    }
  });
  const read = await stream.finalChatCompletion();
  const whole = chatOf(read);
  return {
    ...whole,
    id: read.id,
    choices: whole.choices.map((choice, at) => ({ ...choice, reasoning: thoughts.get(at) ?? "" })),
  };
}

function chatOf({ model, choices, usage }: OpenAI.ChatCompletion): Omit<Heard, "id"> {
  return {
    model,
    usage,
    choices: choices.map(({ message, finish_reason: finish, logprobs }) => {
      const { reasoning_content: one, reasoning: other } = message as unknown as Loose;
      const reasoning = typeof one === "string" ? one : typeof other === "string" ? other : "";
      const calls = (message.tool_calls ?? []).map((call) => {
        const { name, arguments: words } = call.type === "function" ? call.function : { name: "?", arguments: "?" };
        return { id: call.id, name, words };
      });
      const { content, refusal } = message;
      return {
        text: content ?? "",
        reasoning,
        refusal: refusal ?? "",
        seals: [],
        calls,
        finish,
        logprobs: logprobs ?? null,
      };
    }),
  };
}

async function ofMessages({ anthropic, model }: Asking, isStream: boolean): Promise<Heard> {
  const body = { model, max_tokens: 1000, temperature: 1, messages: [{ role: "user" as const, content: "Say it." }] };
  if (!isStream) {
    const response = await anthropic.messages.create(body).asResponse();
    // The client's own reading loses digits; what it is given does not.
    const read = parseLossless(await response.text()) as Anthropic.Message;
    return messageOf(read, (block) => JSON.stringify(block.input));
  }
  const stream = anthropic.messages.stream(body);
  const words = new Map<string, string>();
  let open = "";
  stream.on("streamEvent", (event) => {
    if (event.type === "content_block_start" && event.content_block.type === "tool_use") open = event.content_block.id;
    if (event.type !== "content_block_delta" || event.delta.type !== "input_json_delta") return;
    words.set(open, (words.get(open) ?? "") + event.delta.partial_json);
  });
  const read = await stream.finalMessage();
  return messageOf(read, (block) => {
    const said = words.get(block.id) ?? "";
    // What came in pieces is what the client made of it.
    const exact = said === "" ? block.input : parseLossless(said);
    if (JSON.stringify(JSON.parse(said || "{}")) !== JSON.stringify(block.input)) return JSON.stringify(block.input);
    return JSON.stringify(exact);
  });
}

function messageOf(read: Anthropic.Message, wordsOf: (block: Anthropic.ToolUseBlock) => string): Heard {
  const { id, model, content, stop_reason: reason, stop_details: details, usage } = read;
  const choice = {
    text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
    reasoning: content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
    refusal: "",
    seals: content.flatMap((block) => {
      if (block.type === "redacted_thinking") return [block.data];
      return block.type === "thinking" && block.signature !== "" ? [block.signature] : [];
    }),
    calls: content.flatMap((block) =>
      block.type === "tool_use" ? [{ id: block.id, name: block.name, words: wordsOf(block) }] : [],
    ),
    finish: { reason, details: details ?? null },
  };
  return { id, model, choices: [choice], usage };
}

async function ofResponses({ openai, model }: Asking, isStream: boolean): Promise<Heard> {
  const body = {
    model,
    input: "Say it.",
    temperature: 1,
    store: false,
    include: ["reasoning.encrypted_content" as const],
  };
  const read = isStream ? await openai.responses.stream(body).finalResponse() : await openai.responses.create(body);
  const { id, output, status, incomplete_details: details, error, usage } = read;
  const content = output.flatMap((item) => (item.type === "message" ? item.content : []));
  const choice = {
    text: content.map((part) => (part.type === "output_text" ? part.text : "")).join(""),
    reasoning: output.map((item) => (item.type === "reasoning" ? thoughtOf(item) : "")).join(""),
    refusal: content.map((part) => (part.type === "refusal" ? part.refusal : "")).join(""),
    seals: output.flatMap((item) =>
      item.type === "reasoning" && item.encrypted_content ? [item.encrypted_content] : [],
    ),
    calls: output.flatMap((item) =>
      item.type === "function_call" ? [{ id: item.call_id, name: item.name, words: item.arguments }] : [],
    ),
    finish: { status, details, error },
  };
  return { id, model: read.model, choices: [choice], usage: usage ?? null };
}

function thoughtOf({ summary, content }: OpenAI.Responses.ResponseReasoningItem): string {
  const texts = summary.length > 0 ? summary : (content ?? []);
  return texts.flatMap(({ text }) => (text === "" ? [] : [text])).join("\n\n");
}
