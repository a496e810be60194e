// The built-in model: a pure function from a request in OpenAI's chat dialect to what is said. It says of itself that it is
// simulated, so that no one takes its words for a model's. The same request, streamed or not, has the same answer.
import { NotCanonicalError, canonicalJson } from "../../kernel/canonical-json.ts";
import { sha256, sha256Hex } from "../../kernel/hash.ts";
import { minimalValue } from "./schema.ts";

/** A request that the built-in model cannot serve; spoken in OpenAI's words. */
export class SimulatedRefusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The part of a body that the built-in model reads. */
type Body = Readonly<Record<string, unknown>>;

/** One of the answers, in the pieces in which it is streamed. */
export interface Utterance {
  /** The called tool; undefined for a text. */
  readonly tool?: { readonly id: string; readonly name: string };
  /** Pieces of the text or of the tool's arguments; each counts as one token. */
  readonly pieces: readonly string[];
  readonly finish: "stop" | "length" | "tool_calls";
}

/** Everything that is said to one request. */
export interface Saying {
  readonly id: string;
  readonly model: string;
  readonly utterances: readonly Utterance[];
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Most answers to one request; OpenAI allows more, but no one needs more of a simulation. */
const maxChoices = 16;

/** Characters of the last user message that are repeated. */
const echoLength = 80;

/** Sentences that follow, and how many of them a model of each tier may say. */
const remarks = [
  "Configure a provider's key to hear from a real model.",
  "The same request always gets the same words.",
  "The request was decided, routed, budgeted and recorded like any other.",
  "Nothing left this machine.",
  "The number of tokens is counted on these very words.",
  "A stronger simulated model says more, and knows no more.",
  "Its price is zero.",
] as const;
const remarksByTier: Readonly<Record<string, number>> = {
  "simulated-nano": 1,
  "simulated-small": 2,
  "simulated-medium": 3,
  "simulated-large": 4,
  "simulated-expert": 5,
};
const defaultRemarks = 3;

/** White space with up to six characters: short words are one piece, long ones several, as with real tokens. */
const piece = /\s*\S{1,6}|\s+$/gu;

/** The pieces of a text. */
export function piecesOf(text: string): readonly string[] {
  return text.match(piece) ?? [];
}

/** Tokens of a text that is read; about four characters each in English. */
export function tokensRead(text: string): number {
  return Math.ceil(text.length / 4);
}

/** The model's name. @throws SimulatedRefusal for one that is not simulated. */
export function simulatedModel({ model }: Body): string {
  if (typeof model === "string" && model.startsWith("simulated-")) return model;
  throw new SimulatedRefusal(404, "model_not_found", "The built-in provider has simulated models only.");
}

/** What is said to a request. @throws SimulatedRefusal */
export function say(body: Body): Saying {
  const model = simulatedModel(body);
  const { messages } = body;
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new SimulatedRefusal(400, "invalid_request", "messages must be a list with at least one element.");
  }
  const choices = body["n"] ?? 1;
  if (typeof choices !== "number" || !Number.isInteger(choices) || choices < 1 || choices > maxChoices) {
    throw new SimulatedRefusal(400, "invalid_request", `n must be an integer from 1 to ${maxChoices}.`);
  }
  const seed = seedOf(body);
  const utterances = Array.from({ length: choices }, (_, at) => utter(body, model, sha256(`${seed} ${at}`)));
  return {
    id: `chatcmpl-simulated-${seed.slice(0, 24)}`,
    model,
    utterances,
    promptTokens: messages.reduce((sum: number, message) => sum + 4 + tokensRead(textOf(message)), 0),
    completionTokens: utterances.reduce((sum, { pieces }) => sum + pieces.length, 0),
  };
}

/** SHA-256 over the canonical request, without what only says how the answer is sent. */
function seedOf({ stream: _stream, stream_options: _options, ...asked }: Body): string {
  try {
    return sha256Hex(canonicalJson(asked));
  } catch (error) {
    if (error instanceof NotCanonicalError) return sha256Hex(JSON.stringify(asked));
    throw error;
  }
}

function utter(body: Body, model: string, dice: Buffer): Utterance {
  const tool = toolToCall(body);
  if (tool !== undefined) {
    const called = { id: `call_simulated_${dice.toString("hex", 0, 8)}`, name: tool.name };
    const { pieces, finish } = shortened(JSON.stringify(minimalValue(tool.parameters)), body);
    return { tool: called, pieces, finish: finish === "stop" ? "tool_calls" : finish };
  }
  return shortened(structured(body, model) ?? prose(body, model, dice), body);
}

/** Cuts at the first stop sequence and at the most tokens. */
function shortened(text: string, body: Body): Utterance {
  const { stop } = body;
  const ends = (Array.isArray(stop) ? stop : [stop]).filter((end) => typeof end === "string" && end !== "");
  const at = Math.min(...ends.map((end) => text.indexOf(end)).filter((found) => found >= 0));
  const pieces = piecesOf(Number.isFinite(at) ? text.slice(0, at) : text);
  const most = body["max_completion_tokens"] ?? body["max_tokens"];
  if (typeof most !== "number" || most < 0 || pieces.length <= most) return { pieces, finish: "stop" };
  return { pieces: pieces.slice(0, most), finish: "length" };
}

function prose(body: Body, model: string, dice: Buffer): string {
  const prompt = lastUserText(body).trim();
  const echo = prompt.length > echoLength ? `${prompt.slice(0, echoLength).toWellFormed()}...` : prompt;
  const sentences = [`This is a simulated answer from Charter's built-in model ${model}.`, `You wrote: "${echo}".`];
  const count = remarksByTier[model] ?? defaultRemarks;
  const first = dice.readUInt16BE(0);
  for (let at = 0; at < count; at++) sentences.push(remarks[(first + at) % remarks.length] ?? "");
  return sentences.join(" ");
}

/** The JSON text that `response_format` asks for; undefined when it asks for none. */
function structured({ response_format: format }: Body, model: string): string | undefined {
  const { type, json_schema: named } = record(format);
  if (type === "json_object") return JSON.stringify({ simulated: true, model, answer: "This is a simulated answer." });
  return type === "json_schema" ? JSON.stringify(minimalValue(record(named)["schema"])) : undefined;
}

interface CalledTool {
  readonly name: string;
  readonly parameters: unknown;
}

/** The tool that must be called; undefined when the model is free not to. */
function toolToCall({ tools, tool_choice: choice }: Body): CalledTool | undefined {
  const offers = (Array.isArray(tools) ? tools : []).map((tool) => record(record(tool)["function"]));
  const wanted = record(record(choice)["function"])["name"];
  if (wanted === undefined && choice !== "required") return undefined;
  const offer = wanted === undefined ? offers[0] : offers.find(({ name }) => name === wanted);
  if (typeof offer?.["name"] !== "string") {
    throw new SimulatedRefusal(400, "invalid_request", "tool_choice names a tool that is not offered.");
  }
  return { name: offer["name"], parameters: offer["parameters"] ?? { type: "object" } };
}

function lastUserText({ messages }: Body): string {
  const last = (messages as readonly unknown[]).findLast((message) => record(message)["role"] === "user");
  return textOf(last);
}

/** The text of a message, whose content is a text or a list of parts. */
function textOf(message: unknown): string {
  const { content } = record(message);
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part) => record(part)["text"])
    .filter((text) => typeof text === "string")
    .join(" ");
}

function record(value: unknown): Body {
  return typeof value === "object" && value !== null ? (value as Body) : {};
}
