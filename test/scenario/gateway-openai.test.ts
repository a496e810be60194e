// OpenAI's own client against the whole app: a base URL and a Charter key are all that it is told.
import { APIError, AuthenticationError, BadRequestError, NotFoundError, RateLimitError } from "openai";
import type OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { toolArguments } from "../support/gateway/upstream-bodies.ts";
import { sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;
let client: OpenAI;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true } }),
    deployments: [{ name: "blind", model: "ok-blind", images: false, tools: false }],
  });
  client = rig.openai();
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

/** A question that nobody has asked before, so that no kept answer stands in for the upstream's. */
let asked = 0;
const ask = (text = "What is six times seven?"): OpenAI.ChatCompletionMessageParam[] => [
  { role: "system", content: "You answer briefly." },
  { role: "user", content: `${text} (${++asked})` },
];
const answer = "The answer is forty-two.";
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const weather: OpenAI.ChatCompletionTool = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather of the next days.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer" } },
      required: ["city", "days"],
      additionalProperties: false,
    },
  },
};

/** The error that a call of the client ends in. */
async function errorOf(call: PromiseLike<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error("the call did not fail");
    },
    (error: unknown) => error,
  );
}

describe("a chat completion", () => {
  it("comes back as the upstream gave it, with the usage and what Charter has to say in headers", async () => {
    const { data, response } = await client.chat.completions
      .create({ model: "answers", messages: ask() })
      .withResponse();
    expect(data).toMatchObject({ id: "chatcmpl-scripted", object: "chat.completion", model: "ok" });
    expect(data.choices[0]).toMatchObject({ index: 0, finish_reason: "stop", message: { content: answer } });
    expect(data.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 6, total_tokens: 18 });
    const { headers } = response;
    expect(headers.get("x-charter-decision")).toBe("allow");
    expect(headers.get("x-charter-tier")).toBe("2");
    expect(headers.get("x-charter-model")).toBe("ok");
    // 12 tokens at 1 and 6 tokens at 2 micro-dollars.
    expect(headers.get("x-charter-cost-microdollars")).toBe("24");
    expect(headers.get("x-charter-cache")).toBe("miss");
    expect(headers.get("x-charter-overhead-microseconds")).toMatch(/^\d+$/);
    expect(headers.get("x-constitution-hash")).toMatch(/^[0-9a-f]{16}$/);
    expect(data).toHaveProperty("_request_id");
  });

  it("is asked of the deployment's own model, without the caller's key", async () => {
    await client.chat.completions.create({ model: "answers", messages: ask() });
    const { path, json, headers } = rig.upstream.seen.at(-1)!;
    expect([path, json.model]).toEqual(["/v1/chat/completions", "ok"]);
    expect(JSON.stringify(headers)).not.toContain(rig.productKey);
    expect(headers["authorization"]).toBeUndefined();
  });

  it("of a tier, of a tag and of `auto` is answered too", async () => {
    for (const model of ["tier:2", "tier:fast", "auto", "auto:cost_optimized"]) {
      const { choices } = await client.chat.completions.create({ model, messages: ask() });
      expect(choices[0]?.message.content, model).toBe(answer);
    }
  });

  it("of several choices comes back with all of them", async () => {
    stub.answer = ({ json }, response) =>
      sendJson(response, {
        id: "chatcmpl-n",
        object: "chat.completion",
        created: 1,
        model: json.model,
        choices: Array.from({ length: json.n }, (_, index) => ({
          index,
          message: { role: "assistant", content: `choice ${index}`, refusal: null },
          logprobs: null,
          finish_reason: "stop",
        })),
        usage: { prompt_tokens: 5, completion_tokens: 9, total_tokens: 14 },
      });
    const { choices } = await client.chat.completions.create({ model: "own/many", messages: ask(), n: 3 });
    expect(choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, "choice 0"],
      [1, "choice 1"],
      [2, "choice 2"],
    ]);
  });
});

describe("a streamed chat completion", () => {
  it("arrives piece by piece and ends with the usage when it was asked for", async () => {
    const stream = await client.chat.completions.create({
      model: "answers",
      messages: ask(),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(answer);
    expect(chunks.filter(({ choices }) => choices[0]?.delta.content).length).toBeGreaterThan(3);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 12, completion_tokens: 6 } });
    expect(chunks.filter(({ usage }) => usage !== null && usage !== undefined)).toHaveLength(1);
  });

  it("says nothing of the usage when it was not asked for, though the upstream is asked", async () => {
    const stream = await client.chat.completions.create({ model: "answers", messages: ask(), stream: true });
    const chunks = await Array.fromAsync(stream);
    expect(chunks.filter(({ usage }) => usage)).toEqual([]);
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
    expect(rig.upstream.seen.at(-1)?.json.stream_options).toEqual({ include_usage: true });
  });

  it("is put together by the client's own helper", async () => {
    const stream = client.chat.completions.stream({ model: "answers", messages: ask() });
    const deltas: string[] = [];
    stream.on("content", (delta) => deltas.push(delta));
    const whole = await stream.finalChatCompletion();
    expect(deltas.length).toBeGreaterThan(3);
    expect(whole.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: answer } });
  });

  it("comes from an upstream of another dialect in this one", async () => {
    for (const model of ["claude-answers", "gem-answers"]) {
      const stream = client.chat.completions.stream({
        model,
        messages: ask(),
        max_tokens: 100,
        stream_options: { include_usage: true },
      });
      const whole = await stream.finalChatCompletion();
      expect(whole.choices[0], model).toMatchObject({ finish_reason: "stop", message: { content: answer } });
      expect(await stream.totalUsage(), model).toMatchObject({ prompt_tokens: 12, completion_tokens: 6 });
    }
  });

  it("that is left in the middle ends at the upstream at once, and on record as aborted", async () => {
    const size = await rig.charter.ledgerSize();
    const before = rig.upstream.aborted;
    const stream = await client.chat.completions.create({ model: "up/endless", messages: ask(), stream: true });
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 5) stream.controller.abort();
    expect(chunks).toBeGreaterThanOrEqual(5);
    await rig.upstream.until(() => rig.upstream.aborted === before + 1);
    expect(await rig.outcomeSince(size)).toMatchObject({ outcome: "failed", code: "call.aborted" });
  });
});

describe("tools", () => {
  it("are called, answered and called no more, in a loop that the client makes", async () => {
    rig.upstream.script(["tool", "ok"]);
    const messages = ask("What is the weather in Paris?");
    const first = await client.chat.completions.create({ model: "answers", messages, tools: [weather] });
    const said = first.choices[0]!.message;
    expect(first.choices[0]!.finish_reason).toBe("tool_calls");
    expect(said.tool_calls).toEqual([
      { id: "call_1", type: "function", function: { name: "weather", arguments: toolArguments } },
    ]);
    const result: OpenAI.ChatCompletionMessageParam = { role: "tool", tool_call_id: "call_1", content: "sunny" };
    const second = await client.chat.completions.create({
      model: "answers",
      messages: [...messages, said, result],
      tools: [weather],
    });
    expect(second.choices[0]!.message.content).toBe(answer);
    expect(rig.upstream.seen.at(-1)?.json.messages?.at(-1)).toEqual(result);
  });

  it("run by the client's own loop, over every kind of upstream", async () => {
    for (const model of ["answers", "claude-answers", "gem-answers"]) {
      rig.upstream.script(["tool", "ok"]);
      const asks: unknown[] = [];
      const runner = client.chat.completions.runTools({
        model,
        messages: ask("What is the weather in Paris?"),
        max_tokens: 100,
        tools: [
          {
            type: "function",
            function: {
              name: "weather",
              description: "The weather of the next days.",
              parameters: weather.function.parameters as object,
              parse: JSON.parse,
              function: (given: unknown) => {
                asks.push(given);
                return "sunny";
              },
            },
          },
        ],
      });
      expect(await runner.finalContent(), model).toBe(answer);
      expect(asks, model).toEqual([JSON.parse(toolArguments)]);
    }
  });

  it("come in pieces in a stream", async () => {
    rig.upstream.script(["tool"]);
    const stream = client.chat.completions.stream({ model: "answers", messages: ask(), tools: [weather] });
    const whole = await stream.finalChatCompletion();
    expect(whole.choices[0]?.finish_reason).toBe("tool_calls");
    expect(whole.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      id: "call_1",
      function: { name: "weather", arguments: toolArguments },
    });
  });
});

describe("structured output", () => {
  const format: OpenAI.ResponseFormatJSONSchema = {
    type: "json_schema",
    json_schema: {
      name: "answer",
      strict: true,
      schema: {
        type: "object",
        properties: { answer: { type: "integer" } },
        required: ["answer"],
        additionalProperties: false,
      },
    },
  };

  it("reaches the upstream as it was asked for, and the client parses it", async () => {
    rig.upstream.script(["json"]);
    const parsed = await client.chat.completions.parse({
      model: "answers",
      messages: ask(),
      response_format: format,
    });
    expect(JSON.parse(parsed.choices[0]!.message.content!)).toEqual({ answer: 42 });
    expect(rig.upstream.seen.at(-1)?.json["response_format"]).toEqual(format);
  });

  it("is asked of Google's models in their own words", async () => {
    rig.upstream.script(["json"]);
    const whole = await client.chat.completions.create({
      model: "gem-answers",
      messages: ask(),
      response_format: format,
    });
    expect(JSON.parse(whole.choices[0]!.message.content!)).toEqual({ answer: 42 });
    const { generationConfig } = rig.upstream.seen.at(-1)!.json as { generationConfig: Record<string, unknown> };
    expect(generationConfig["responseMimeType"]).toBe("application/json");
  });
});

describe("images", () => {
  const messages = (url: string): OpenAI.ChatCompletionMessageParam[] => [
    {
      role: "user",
      content: [
        { type: "text", text: `What is this? (${++asked})` },
        { type: "image_url", image_url: { url, detail: "low" } },
      ],
    },
  ];
  const inline = `data:image/png;base64,${pixel}`;

  it("reach an upstream of the same dialect as they are", async () => {
    const said = messages(inline);
    await client.chat.completions.create({ model: "answers", messages: said });
    expect(rig.upstream.seen.at(-1)?.json.messages).toEqual(said);
  });

  it("reach the others in their own words", async () => {
    await client.chat.completions.create({ model: "claude-answers", messages: messages(inline), max_tokens: 10 });
    expect(rig.upstream.seen.at(-1)?.body.toString()).toContain(
      JSON.stringify({ type: "base64", media_type: "image/png", data: pixel }),
    );
    await client.chat.completions.create({ model: "gem-answers", messages: messages(inline) });
    expect(rig.upstream.seen.at(-1)?.body.toString()).toContain(pixel);
  });

  it("are not sent to a model that takes none", async () => {
    const { length } = rig.upstream.seen;
    const error = await errorOf(client.chat.completions.create({ model: "blind", messages: messages(inline) }));
    expect(error).toMatchObject({ status: 503, code: "model.unavailable" });
    expect(rig.upstream.seen).toHaveLength(length);
  });
});

describe("parameters that Charter does not know", () => {
  it("reach an upstream of the same dialect byte for byte", async () => {
    const messages = ask('quotes " and \\ and \u2028 and 😀');
    const more = {
      logit_bias: { "50256": -100 },
      verbosity: "low",
      vendor_option: { deep: [1, 2.5, null, { é: true }], empty: {}, text: "tab\tand </script>" },
      reasoning_effort: "low",
      top_k: 7,
      max_tokens: 50,
    };
    await client.chat.completions.create({ model: "answers", messages, ...more } as never);
    const sent = JSON.stringify({ model: "ok", messages, ...more });
    expect(rig.upstream.seen.at(-1)?.body.toString()).toBe(sent);
  });

  it("are left out and named where the upstream's dialect cannot say them, or refused where the caller wants that", async () => {
    const body = { model: "claude-answers", messages: ask(), max_tokens: 10, logit_bias: { "50256": -100 } };
    const { response } = await client.chat.completions.create(body).withResponse();
    expect(response.headers.get("x-charter-dropped")).toBe("logit_bias");
    const { length } = rig.upstream.seen;
    const refusing = { headers: { "x-charter-unsupported": "refuse" } };
    const error = await errorOf(client.chat.completions.create({ ...body, messages: ask() }, refusing));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: "dialect.unsupported" });
    expect(rig.upstream.seen).toHaveLength(length);
  });
});

describe("embeddings", () => {
  it("come back as vectors, one for each text", async () => {
    const { data, usage } = await client.embeddings.create({ model: "vectors", input: ["one", `two ${++asked}`] });
    expect(data.map(({ index, embedding }) => [index, embedding.map((n) => Math.round(n * 16))])).toEqual([
      [0, [16, 0, 0, 0]],
      [1, [16, 0, 0, 1]],
    ]);
    expect(usage.prompt_tokens).toBe(6);
    expect(rig.upstream.seen.at(-1)?.path).toBe("/v1/embeddings");
  });

  it("come as numbers when the caller asks for numbers", async () => {
    const { data } = await client.embeddings.create({
      model: "vectors",
      input: `one ${++asked}`,
      encoding_format: "float",
    });
    expect(data[0]?.embedding).toEqual([1, 0, 0, 0]);
  });

  it("are not what a chat model makes, nor a chat what an embedding model makes", async () => {
    const embed = await errorOf(client.embeddings.create({ model: "answers", input: "one" }));
    expect(embed).toMatchObject({ status: 404, code: "model.not_found" });
    const chat = await errorOf(client.chat.completions.create({ model: "vectors", messages: ask() }));
    expect(chat).toMatchObject({ status: 404, code: "model.not_found" });
  });
});

describe("models", () => {
  it("are listed with how they stand and what they cost", async () => {
    const list = await Array.fromAsync(client.models.list());
    const found = list.find(({ id }) => id === "answers");
    expect(found).toMatchObject({
      id: "answers",
      object: "model",
      owned_by: "up",
      charter: { tier: 2, state: "configured", input_microdollars_per_million: 1_000_000 },
    });
    expect(list.map(({ id }) => id)).toEqual(
      expect.arrayContaining(["answers", "claude-answers", "gem-answers", "vectors"]),
    );
  });

  it("are retrieved by name; one that is not there is a NotFoundError", async () => {
    expect(await client.models.retrieve("gem-answers")).toMatchObject({ id: "gem-answers", owned_by: "gem" });
    const error = await errorOf(client.models.retrieve("nobody"));
    expect(error).toBeInstanceOf(NotFoundError);
  });
});

describe("a response", () => {
  it("is created", async () => {
    const response = await client.responses.create({
      model: "answers",
      instructions: "You answer briefly.",
      input: `What is six times seven? (${++asked})`,
    });
    expect(response).toMatchObject({ object: "response", status: "completed" });
    expect(response.output_text).toBe(answer);
    expect(response.usage).toMatchObject({ input_tokens: 12, output_tokens: 6, total_tokens: 18 });
  });

  it("is streamed and put together by the client's own helper", async () => {
    const stream = client.responses.stream({ model: "answers", input: `What is six times seven? (${++asked})` });
    const deltas: string[] = [];
    stream.on("response.output_text.delta", ({ delta }) => deltas.push(delta));
    const whole = await stream.finalResponse();
    expect(deltas.join("")).toBe(answer);
    expect(whole.output_text).toBe(answer);
    expect(whole.usage).toMatchObject({ input_tokens: 12, output_tokens: 6 });
  });

  it("that breaks off in the middle of its stream ends in an error of the client", async () => {
    rig.upstream.script(["cut-mid-stream"]);
    const stream = await client.responses.create({ model: "answers", input: `Go on. (${++asked})`, stream: true });
    const types: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const { type } of stream) {
          types.push(type);
          if (type === "response.failed" || type === "error") throw new APIError(undefined, {}, type, undefined);
        }
      })(),
    );
    expect(error).toBeInstanceOf(APIError);
    expect(types[0]).toBe("response.created");
    expect(types).not.toContain("response.completed");
  });

  it("asks for a tool and takes its result, over every kind of upstream", async () => {
    const tools: OpenAI.Responses.Tool[] = [
      { type: "function", name: "weather", parameters: weather.function.parameters as never, strict: true },
    ];
    for (const model of ["answers", "claude-answers", "gem-answers"]) {
      rig.upstream.script(["tool", "ok"]);
      const question = { role: "user" as const, content: `What is the weather in Paris? (${++asked})` };
      const first = await client.responses.create({ model, input: [question], tools });
      const call = first.output.find(
        ({ type }) => type === "function_call",
      ) as OpenAI.Responses.ResponseFunctionToolCall;
      expect([call.name, JSON.parse(call.arguments)], model).toEqual(["weather", JSON.parse(toolArguments)]);
      const result = { type: "function_call_output" as const, call_id: call.call_id, output: "sunny" };
      const second = await client.responses.create({ model, input: [question, call, result], tools });
      expect(second.output_text, model).toBe(answer);
    }
  });
});

describe("an error", () => {
  it("of an unknown key is an AuthenticationError", async () => {
    const stranger = rig.openai("charter_pr_0000000000000000000000000000000000000000000");
    const error = await errorOf(stranger.chat.completions.create({ model: "answers", messages: ask() }));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ code: "credential.invalid", type: "authentication_error" });
  });

  it("of an unknown model is a NotFoundError that says which field", async () => {
    const error = await errorOf(client.chat.completions.create({ model: "nobody", messages: ask() }));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: "model.not_found", param: "/model" });
  });

  it("of a body that is no chat is a BadRequestError", async () => {
    for (const body of [
      { model: "answers" },
      { model: "answers", messages: "Hi" },
      { model: "answers", messages: [] },
      { model: "answers", messages: [{ role: 1, content: "Hi" }] },
      { model: "answers", messages: ask(), temperature: "hot" },
      { model: "answers", messages: ask(), n: 0 },
      { model: "answers", messages: ask(), max_tokens: -2 },
    ]) {
      const error = await errorOf(client.chat.completions.create(body as never));
      expect(error, JSON.stringify(body)).toBeInstanceOf(BadRequestError);
      expect((error as APIError).code, JSON.stringify(body)).toMatch(/^(dialect|request)\./);
    }
  });

  it("of an upstream that limits everybody is a RateLimitError with when to come back", async () => {
    rig.upstream.script(["429-retry-after", "429-retry-after", "429-retry-after", "429-retry-after"]);
    const error = (await errorOf(
      rig.openai().chat.completions.create({ model: "gem-answers", messages: ask() }),
    )) as APIError;
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error.code).toBe("rate_limit_exceeded");
    expect(Number(error.headers?.get("retry-after"))).toBeGreaterThan(0);
  });

  it("of an exhausted budget is to be paid for, and the client does not try again", async () => {
    await rig.charter.ask("/v1/budgets", {
      body: { scope: { product: "AI_ASSISTANT", project: "empty" }, unit: "tokens", window: "day", limit: 1 },
    });
    const patient = rig.openai(rig.productKey, { "x-charter-project": "empty" }).withOptions({ maxRetries: 3 });
    const size = await rig.charter.ledgerSize();
    const error = (await errorOf(patient.chat.completions.create({ model: "answers", messages: ask() }))) as APIError;
    expect([error.status, error.code, error.type]).toEqual([402, "budget.exhausted", "billing_error"]);
    expect(error.message).toMatch(/budget/);
    expect((await rig.callsSince(size)).intents).toHaveLength(1);
  });

  it("of an upstream that refuses the request is a BadRequestError in the upstream's words", async () => {
    const error = await errorOf(client.chat.completions.create({ model: "up/refuse-context", messages: ask() }));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: "context_length_exceeded" });
    expect((error as Error).message).toContain("maximum context length");
  });

  it("in the middle of a stream reaches the client as an error", async () => {
    const stream = await client.chat.completions.create({ model: "up/cut-mid-stream", messages: ask(), stream: true });
    const error = await errorOf(Array.fromAsync(stream));
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: "upstream.failed" });
  });

  it("is also a problem with what would make the call pass", async () => {
    const { status, json, headers } = await rig.chat({ model: "nobody" });
    expect(status).toBe(404);
    expect(headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(json).toMatchObject({
      code: "model.not_found",
      status: 404,
      error: { type: "not_found_error", code: "model.not_found" },
    });
    expect(json.remedy).toMatch(/GET \/v1\/models/);
    expect(json.request_id).toBeTruthy();
    expect(json.constitution_hash).toMatch(/^[0-9a-f]{16}$/);
  });
});
