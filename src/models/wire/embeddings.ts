// Embeddings: POST /v1/embeddings. Only upstreams of the same dialect answer it, so the caller's body goes through as it is.
import { doubleOf } from "../../kernel/json-number.ts";
import type { FrontDialect, ModelCall, Reply, StreamReader, StreamWriter, UpstreamDialect } from "../conversation.ts";
import { garbled, unsupported } from "./faults.ts";
import type { Draft, JsonObject } from "./fields.ts";
import { integerIn, isObject, missing, neededTextIn, textIn, unlike } from "./fields.ts";
import { readChatError, writeChatError } from "../openai-chat/error.ts";
import { textOr, usageOf } from "../openai-chat/reply.ts";
import { sseFrame } from "./sse.ts";

type Vector = readonly number[] | string;

/** Embeddings as callers ask Charter for them. */
export const embeddingsFront: FrontDialect = {
  name: "embeddings",
  readCall: readEmbeddingsCall,
  writeReply: writeEmbeddingsReply,
  mended: inWantedEncoding,
  writeError: writeChatError,
  streamWriter: (): StreamWriter => ({
    write: () => "",
    fail: ({ code, message }) => sseFrame(JSON.stringify({ error: { message, type: "server_error", code } })),
  }),
};

/** Embeddings as Charter asks upstreams for them. */
export const embeddingsUpstream: UpstreamDialect = {
  name: "embeddings",
  writeCall(call, target) {
    if (call.dialect !== "embeddings") throw unsupported("an embeddings API cannot hold a conversation");
    return { path: "/embeddings", headers: {}, body: { ...call.raw, model: target.model } };
  },
  readReply: readEmbeddingsReply,
  streamReader: (): StreamReader => ({
    read() {
      throw garbled("the provider streams embeddings, which are one reply");
    },
    close: () => [],
  }),
  readError: readChatError,
};

/** Reads a call: texts become `inputs`, lists of token numbers are counted and stay in `raw`. */
function readEmbeddingsCall(body: JsonObject): ModelCall {
  const untranslated: string[] = [];
  const { inputs, tokens } = readInput(body["input"], untranslated);
  textIn(body, "encoding_format", "");
  integerIn(body, "dimensions", "", 1);
  const call: Draft<ModelCall> = {
    dialect: "embeddings",
    raw: body,
    model: neededTextIn(body, "model", ""),
    turns: [],
    inputs,
    tools: [],
    form: { kind: "text" },
    stop: [],
    choices: 1,
    stream: false,
    wantsUsage: true,
  };
  if (tokens > 0) call.inputTokens = tokens;
  if (untranslated.length > 0) call.untranslated = untranslated;
  return call;
}

/** Other servers of this API take objects that hold a text or a picture; those are noted in `untranslated`. */
function readInput(
  input: unknown,
  untranslated: string[],
): { readonly inputs: readonly string[]; readonly tokens: number } {
  if (typeof input === "string") return { inputs: [input], tokens: 0 };
  if (input === undefined || input === null) return missing("", "input");
  if (!Array.isArray(input) || input.length === 0) throw unlike("/input", "text or a list that is not empty", input);
  const items = input as readonly unknown[];
  if (items.every((item) => typeof item === "string")) return { inputs: items, tokens: 0 };
  if (items.every(isToken)) return { inputs: [], tokens: items.length };
  const inputs: string[] = [];
  let tokens = 0;
  const hasObjects = items.some(isObject);
  for (const [index, item] of items.entries()) {
    if (isObject(item)) untranslated.push(`/input/${index}`);
    else if (hasObjects && typeof item === "string") inputs.push(item);
    else if (!Array.isArray(item) || !item.every(isToken)) {
      throw unlike(`/input/${index}`, "like the first of the list: a text, or a list of token numbers", item);
    } else tokens += item.length;
  }
  return { inputs, tokens };
}

function isToken(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readEmbeddingsReply(body: unknown): Reply {
  if (!isObject(body) || !Array.isArray(body["data"])) throw garbled("the provider's reply has no vectors");
  const vectors: Vector[] = [];
  for (const [position, item] of (body["data"] as unknown[]).entries()) {
    const vector = isObject(item) ? item["embedding"] : undefined;
    // An object holds a vector in each of several encodings.
    const isVector = typeof vector === "string" || Array.isArray(vector) || isObject(vector);
    if (!isVector) throw garbled("a vector of the provider's reply is none");
    const index = isObject(item) && typeof item["index"] === "number" ? item["index"] : position;
    if (vectors[index] !== undefined) throw garbled("the provider's reply numbers two vectors alike");
    vectors[index] = vector as Vector;
  }
  if (vectors.length !== body["data"].length) throw garbled("the provider's reply numbers its vectors wrongly");
  return {
    id: textOr(body["id"], ""),
    model: textOr(body["model"], ""),
    choices: [],
    vectors,
    rawUsage: usageOf(body) ?? null,
    usage: null,
  };
}

/** What makes a vector one of the encoding that the caller asked for; undefined where Charter does not know that. */
function encoderOf({ raw }: ModelCall): ((vector: Vector) => Vector) | undefined {
  const format = raw["encoding_format"] ?? "float";
  if (format === "base64") return toBase64;
  return format === "float" ? toNumbers : undefined;
}

/** A reply whose vectors are in another encoding than the one asked for, as several servers know numbers alone. */
function inWantedEncoding(call: ModelCall, body: JsonObject): JsonObject | undefined {
  const encode = encoderOf(call);
  const { data } = body;
  if (encode === undefined || !Array.isArray(data)) return undefined;
  let isMended = false;
  const mended = data.map((item: unknown) => {
    if (!isObject(item)) return item;
    const vector = item["embedding"];
    if (typeof vector !== "string" && !Array.isArray(vector)) return item;
    const embedding = encode(vector as Vector);
    isMended ||= embedding !== vector;
    return { ...item, embedding };
  });
  return isMended ? { ...body, data: mended } : undefined;
}

/** Writes a reply in the encoding that the caller asked for. */
function writeEmbeddingsReply(call: ModelCall, reply: Reply): Record<string, unknown> {
  const wanted = encoderOf(call) ?? ((vector: Vector): Vector => vector);
  const body: Record<string, unknown> = {
    object: "list",
    data: (reply.vectors ?? []).map((vector, index) => ({ object: "embedding", index, embedding: wanted(vector) })),
    model: reply.model,
  };
  if (typeof reply.rawUsage?.["prompt_tokens"] === "number") body["usage"] = reply.rawUsage;
  else if (reply.usage !== null) {
    body["usage"] = { prompt_tokens: reply.usage.inputTokens, total_tokens: reply.usage.inputTokens };
  }
  return body;
}

/** Little-endian 32-bit floats, as OpenAI encodes them. */
function toBase64(vector: Vector): string {
  if (typeof vector === "string") return vector;
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, number] of vector.entries()) bytes.writeFloatLE(doubleOf(number), index * 4);
  return bytes.toString("base64");
}

function toNumbers(vector: Vector): readonly number[] {
  if (typeof vector !== "string") return vector;
  const bytes = Buffer.from(vector, "base64");
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(index * 4));
}
