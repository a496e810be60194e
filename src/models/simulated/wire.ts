// How the built-in model's words go over the wire: OpenAI's chat and embeddings dialects.
import { simulatedVector } from "./embeddings.ts";
import { SimulatedRefusal, simulatedModel, tokensRead } from "./model.ts";
import type { Saying, Utterance } from "./model.ts";

/** Dimensions of an embedding unless the request says otherwise, and the most it may ask for. */
const defaultDimensions = 256;
const maxDimensions = 4096;
/** Most texts of one request for embeddings, as OpenAI has it. */
const maxInputs = 2048;

/** Answers have no time of their own, so that they depend on the request alone. */
const createdS = 0;

function usageOf({ promptTokens, completionTokens }: Saying): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}

function messageOf({ tool, pieces }: Utterance): object {
  const text = pieces.join("");
  if (tool === undefined) return { role: "assistant", content: text, refusal: null };
  const call = { id: tool.id, type: "function", function: { name: tool.name, arguments: text } };
  return { role: "assistant", content: null, refusal: null, tool_calls: [call] };
}

/** The whole answer. */
export function chatReply(saying: Saying): string {
  const choices = saying.utterances.map((utterance, index) => {
    return { index, message: messageOf(utterance), logprobs: null, finish_reason: utterance.finish };
  });
  const head = { id: saying.id, object: "chat.completion", created: createdS, model: saying.model };
  return JSON.stringify({ ...head, choices, usage: usageOf(saying), system_fingerprint: "simulated" });
}

/** The answer as server-sent events, one for each piece; the usage at the end when it is wanted. */
export function* chatFrames(saying: Saying, wantsUsage: boolean): Generator<string> {
  const head = { id: saying.id, object: "chat.completion.chunk", created: createdS, model: saying.model };
  const more = { system_fingerprint: "simulated", ...(wantsUsage ? { usage: null } : {}) };
  const frame = (index: number, delta: object, finish: string | null): string =>
    `data: ${JSON.stringify({ ...head, choices: [{ index, delta, logprobs: null, finish_reason: finish }], ...more })}\n\n`;
  for (const [index, { tool, pieces, finish }] of saying.utterances.entries()) {
    const call = (part: object): object => ({ tool_calls: [{ index: 0, ...part }] });
    yield frame(index, { role: "assistant", content: tool === undefined ? "" : null }, null);
    if (tool !== undefined) {
      yield frame(index, call({ id: tool.id, type: "function", function: { name: tool.name, arguments: "" } }), null);
    }
    for (const text of pieces) {
      yield frame(index, tool === undefined ? { content: text } : call({ function: { arguments: text } }), null);
    }
    yield frame(index, {}, finish);
  }
  if (wantsUsage) yield `data: ${JSON.stringify({ ...head, choices: [], usage: usageOf(saying) })}\n\n`;
  yield "data: [DONE]\n\n";
}

/** The answer to a request for embeddings. @throws SimulatedRefusal */
export function embeddingsReply(body: Readonly<Record<string, unknown>>): string {
  const model = simulatedModel(body);
  const dimensions = body["dimensions"] ?? defaultDimensions;
  if (typeof dimensions !== "number" || !Number.isInteger(dimensions) || dimensions < 1 || dimensions > maxDimensions) {
    throw new SimulatedRefusal(400, "invalid_request", `dimensions must be an integer from 1 to ${maxDimensions}.`);
  }
  const texts = textsOf(body["input"]);
  const data = texts.map((text, index) => {
    const vector = simulatedVector(text, dimensions);
    const isPacked = body["encoding_format"] === "base64";
    const embedding = isPacked ? Buffer.from(Float32Array.from(vector).buffer).toString("base64") : vector;
    return { object: "embedding", index, embedding };
  });
  const tokens = texts.reduce((sum, text) => sum + tokensRead(text), 0);
  return JSON.stringify({ object: "list", data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } });
}

/** The inputs as texts: one or several, each a text or a list of token numbers. */
function textsOf(input: unknown): readonly string[] {
  const isTokens = (value: unknown): value is readonly number[] =>
    Array.isArray(value) && value.length > 0 && value.every((token) => typeof token === "number");
  const inputs: readonly unknown[] = Array.isArray(input) && !isTokens(input) ? input : [input];
  if (inputs.length === 0 || inputs.length > maxInputs) {
    throw new SimulatedRefusal(400, "invalid_request", `input must have 1 to ${maxInputs} elements.`);
  }
  return inputs.map((each) => {
    if (typeof each === "string") return each;
    if (isTokens(each)) return each.join(" ");
    throw new SimulatedRefusal(400, "invalid_request", "input must be a text, a list of texts or lists of tokens.");
  });
}
