// What a scripted upstream says, in the words of each provider: whole replies, the frames of a stream, and errors.

/** The wire formats that the scripted upstream answers in. */
export type SpokenDialect = "openai" | "anthropic" | "gemini";

/** What one answer holds. */
export interface Speech {
  readonly model: string;
  /** The text of the reply, in the pieces in which it is streamed. */
  readonly pieces: readonly string[];
  /** Answers with a call of the tool of this name instead of a text. */
  readonly tool?: string;
  /** Undefined for an answer that says nothing about its usage. */
  readonly usage?: { readonly input: number; readonly output: number };
  /** Whether a stream of OpenAI's kind ends with the usage. */
  readonly wantsUsage: boolean;
}

/** Arguments that the scripted upstream gives to tools. */
export const toolArguments = '{"city":"Paris","days":3}';

const createdS = 1_760_000_000;

/** A provider's way of speaking. */
export interface Voice {
  reply(speech: Speech): object;
  /** The frames of a stream; the last ones, as many as `closing`, say that it is complete. */
  frames(speech: Speech): readonly string[];
  /** How many frames at the end say that the stream is complete. */
  readonly closing: number;
  error(status: number, code: string, message: string): object;
  /** An error after the stream has begun. */
  errorFrame(message: string): string;
}

function openaiUsage({ usage }: Speech): object {
  if (usage === undefined) return {};
  return {
    usage: {
      prompt_tokens: usage.input,
      completion_tokens: usage.output,
      total_tokens: usage.input + usage.output,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
  };
}

const openai: Voice = {
  closing: 1,
  reply(speech) {
    const call = { id: "call_1", type: "function", function: { name: speech.tool, arguments: toolArguments } };
    const message =
      speech.tool === undefined
        ? { role: "assistant", content: speech.pieces.join(""), refusal: null }
        : { role: "assistant", content: null, refusal: null, tool_calls: [call] };
    const finish = speech.tool === undefined ? "stop" : "tool_calls";
    return {
      id: "chatcmpl-scripted",
      object: "chat.completion",
      created: createdS,
      model: speech.model,
      choices: [{ index: 0, message, logprobs: null, finish_reason: finish }],
      ...openaiUsage(speech),
    };
  },
  frames(speech) {
    const { model, tool, pieces } = speech;
    const chunk = (choices: readonly object[], more: object = {}): string => {
      const head = { id: "chatcmpl-scripted", object: "chat.completion.chunk", created: createdS, model };
      return `data: ${JSON.stringify({ ...head, choices, ...more })}\n\n`;
    };
    const delta = (content: object, finish: string | null = null): string =>
      chunk([{ index: 0, delta: content, logprobs: null, finish_reason: finish }]);
    const call = (part: object): string => delta({ tool_calls: [{ index: 0, ...part }] });
    const content =
      tool === undefined
        ? pieces.map((text) => delta({ content: text }))
        : [
            call({ id: "call_1", type: "function", function: { name: tool, arguments: "" } }),
            call({ function: { arguments: toolArguments.slice(0, 8) } }),
            call({ function: { arguments: toolArguments.slice(8) } }),
          ];
    const usage = speech.wantsUsage && speech.usage !== undefined ? [chunk([], openaiUsage(speech))] : [];
    const end = delta({}, tool === undefined ? "stop" : "tool_calls");
    return [delta({ role: "assistant", content: "" }), ...content, end, ...usage, "data: [DONE]\n\n"];
  },
  error: (status, code, message) => ({
    error: { message, type: status === 401 ? "authentication_error" : "api_error", param: null, code },
  }),
  errorFrame: (message) =>
    `data: ${JSON.stringify({ error: { message, type: "server_error", code: "overloaded" } })}\n\n`,
};

const anthropic: Voice = {
  closing: 1,
  reply({ model, pieces, tool, usage }) {
    const block =
      tool === undefined
        ? { type: "text", text: pieces.join("") }
        : { type: "tool_use", id: "toolu_1", name: tool, input: JSON.parse(toolArguments) };
    return {
      id: "msg_scripted",
      type: "message",
      role: "assistant",
      model,
      content: [block],
      stop_reason: tool === undefined ? "end_turn" : "tool_use",
      stop_sequence: null,
      ...(usage === undefined ? {} : { usage: { input_tokens: usage.input, output_tokens: usage.output } }),
    };
  },
  frames({ model, pieces, tool, usage }) {
    const frame = (type: string, body: object): string =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
    const message = { id: "msg_scripted", type: "message", role: "assistant", model, content: [], stop_reason: null };
    const begun = usage === undefined ? {} : { usage: { input_tokens: usage.input, output_tokens: 1 } };
    const block =
      tool === undefined ? { type: "text", text: "" } : { type: "tool_use", id: "toolu_1", name: tool, input: {} };
    const deltas =
      tool === undefined
        ? pieces.map((text) => ({ type: "text_delta", text }))
        : [toolArguments.slice(0, 8), toolArguments.slice(8)].map((text) => ({
            type: "input_json_delta",
            partial_json: text,
          }));
    return [
      frame("message_start", { message: { ...message, stop_sequence: null, ...begun } }),
      frame("content_block_start", { index: 0, content_block: block }),
      frame("ping", {}),
      ...deltas.map((delta) => frame("content_block_delta", { index: 0, delta })),
      frame("content_block_stop", { index: 0 }),
      frame("message_delta", {
        delta: { stop_reason: tool === undefined ? "end_turn" : "tool_use", stop_sequence: null },
        ...(usage === undefined ? {} : { usage: { output_tokens: usage.output } }),
      }),
      frame("message_stop", {}),
    ];
  },
  error: (_status, code, message) => ({ type: "error", error: { type: code, message } }),
  errorFrame: (message) =>
    `event: error\ndata: ${JSON.stringify({ type: "error", error: { type: "overloaded_error", message } })}\n\n`,
};

function geminiUsage({ usage }: Speech): object {
  if (usage === undefined) return {};
  const { input, output } = usage;
  return {
    usageMetadata: { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output },
  };
}

function geminiReply(speech: Speech, parts: readonly object[], finish?: string): object {
  const candidate = { content: { role: "model", parts }, index: 0 };
  return {
    candidates: [finish === undefined ? candidate : { ...candidate, finishReason: finish }],
    ...geminiUsage(speech),
    modelVersion: speech.model,
    responseId: "scripted",
  };
}

function geminiParts({ pieces, tool }: Speech): readonly object[] {
  if (tool !== undefined) return [{ functionCall: { name: tool, args: JSON.parse(toolArguments) } }];
  return pieces.map((text) => ({ text }));
}

const gemini: Voice = {
  closing: 1,
  reply(speech) {
    const parts = speech.tool === undefined ? [{ text: speech.pieces.join("") }] : geminiParts(speech);
    return geminiReply(speech, parts, "STOP");
  },
  frames(speech) {
    const frame = (body: object): string => `data: ${JSON.stringify(body)}\r\n\r\n`;
    const parts = geminiParts(speech);
    return parts.map((part, at) => frame(geminiReply(speech, [part], at === parts.length - 1 ? "STOP" : undefined)));
  },
  error: (status, code, message) => ({ error: { code: status, message, status: code.toUpperCase() } }),
  errorFrame: (message) => `data: ${JSON.stringify({ error: { code: 503, message, status: "UNAVAILABLE" } })}\r\n\r\n`,
};

/** Each provider's way of speaking. */
export const voices: Readonly<Record<SpokenDialect, Voice>> = { openai, anthropic, gemini };

/** OpenAI's answer to a request for embeddings: one short vector for each input. */
export function embeddingsReply(model: string, inputs: number, isBase64: boolean): object {
  const data = Array.from({ length: inputs }, (_, index) => {
    const vector = [1, 0, 0, index / 16];
    const embedding = isBase64 ? Buffer.from(Float32Array.from(vector).buffer).toString("base64") : vector;
    return { object: "embedding", index, embedding };
  });
  return { object: "list", data, model, usage: { prompt_tokens: 3 * inputs, total_tokens: 3 * inputs } };
}
