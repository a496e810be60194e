// What a provider means by a refusal reaches the caller in the form of the caller's API, as the official clients read it: the
// class they raise, with status, code, type, message and when to come back.
import * as anthropicErrors from "@anthropic-ai/sdk";
import { setTimeout as sleep } from "node:timers/promises";
import * as openaiErrors from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { providerKeys, questions, scriptedAnswer, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, ProviderRow, Stub } from "../support/gateway/gateway.ts";

type Kind = "openai-compatible" | "anthropic" | "gemini";

interface Told {
  /** The class that both clients raise. */
  readonly raises: "BadRequest" | "NotFound" | "Unprocessable" | "RateLimit" | "Server" | "Api";
  readonly status: number;
  readonly problem: string;
  readonly code: string;
  readonly type: string;
  readonly says?: RegExp;
  readonly retryAfter?: number;
  /** Whether the clients may try again by themselves. */
  readonly retries: boolean;
}

interface Row {
  readonly name: string;
  readonly kind?: Kind;
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
  readonly told: Told;
}

const openai = (message: string, code: string | null, type = "invalid_request_error"): object => ({
  error: { message, type, param: null, code },
});
const anthropic = (type: string, message: string): object => ({ type: "error", error: { type, message } });
const gemini = (code: number, status: string, message: string, details: readonly object[] = []): object => ({
  error: { code, status, message, details },
});

const context: Told = {
  raises: "BadRequest",
  status: 400,
  problem: "upstream.context_exceeded",
  code: "context_length_exceeded",
  type: "invalid_request_error",
  says: /^prompt is too long/,
  retries: false,
};
const quota: Told = {
  raises: "RateLimit",
  status: 429,
  problem: "upstream.quota_exceeded",
  code: "insufficient_quota",
  type: "billing_error",
  says: /takes no more calls on account/,
  retries: false,
};
const rate: Told = {
  raises: "RateLimit",
  status: 429,
  problem: "model.busy",
  code: "rate_limit_exceeded",
  type: "rate_limit_error",
  says: /limits this server/,
  retries: true,
};
const key: Told = {
  raises: "Server",
  status: 502,
  problem: "upstream.key_refused",
  code: "upstream.key_refused",
  type: "api_error",
  says: /refused the server's key/,
  retryAfter: 300,
  retries: false,
};
const overloaded: Told = {
  raises: "Server",
  status: 503,
  problem: "upstream.overloaded",
  code: "upstream.overloaded",
  type: "overloaded_error",
  retries: true,
};
const missing: Told = {
  raises: "NotFound",
  status: 404,
  problem: "upstream.not_found",
  code: "model_not_found",
  type: "not_found_error",
  retries: false,
};
const form: Told = {
  raises: "Unprocessable",
  status: 422,
  problem: "upstream.unprocessable",
  code: "upstream.unprocessable",
  type: "invalid_request_error",
  retries: false,
};
const size: Told = {
  raises: "Api",
  status: 413,
  problem: "upstream.too_large",
  code: "request_too_large",
  type: "request_too_large",
  retries: false,
};
const refused: Told = {
  raises: "BadRequest",
  status: 400,
  problem: "upstream.refused",
  code: "upstream.refused",
  type: "invalid_request_error",
  retries: false,
};

const longOpenai =
  "This model's maximum context length is 128,000 tokens. However, your messages resulted in 130,000 tokens.";
const longGemini = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
const rows: readonly Row[] = [
  {
    name: "OpenAI, too long",
    status: 400,
    body: openai(longOpenai, "context_length_exceeded"),
    told: { ...context, says: /^prompt is too long: 130000 tokens > 128000 maximum/ },
  },
  {
    name: "vLLM, too long",
    status: 400,
    body: { object: "error", message: longOpenai, type: "BadRequestError", code: 400 },
    told: context,
  },
  {
    name: "llama.cpp, too long",
    status: 400,
    body: {
      error: { code: 400, message: "request exceeds the available context size", type: "exceed_context_size_error" },
    },
    told: context,
  },
  {
    name: "TGI, too long",
    status: 422,
    body: {
      error: "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
      error_type: "validation",
    },
    told: context,
  },
  {
    name: "Anthropic, too long",
    kind: "anthropic",
    status: 400,
    body: anthropic("invalid_request_error", "prompt is too long: 200001 tokens > 200000 maximum"),
    told: { ...context, says: /^prompt is too long: 200001 tokens > 200000 maximum/ },
  },
  {
    name: "Anthropic, too long with its answer",
    kind: "anthropic",
    status: 400,
    body: anthropic(
      "invalid_request_error",
      "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    ),
    told: { ...context, says: /190000 \+ 20000 > 200000/ },
  },
  {
    name: "Gemini, too long",
    kind: "gemini",
    status: 400,
    body: gemini(400, "INVALID_ARGUMENT", longGemini),
    told: { ...context, says: /^prompt is too long: 1200000 tokens > 1048576 maximum/ },
  },
  {
    name: "an answer asked to be too long",
    kind: "anthropic",
    status: 400,
    body: anthropic(
      "invalid_request_error",
      "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens",
    ),
    told: { ...refused, says: /max_tokens: 100000/ },
  },
  {
    name: "OpenAI, a wrong value",
    status: 400,
    body: {
      error: { message: "Invalid 'top_p'.", type: "invalid_request_error", param: "top_p", code: "invalid_value" },
    },
    told: { ...refused, code: "invalid_value", says: /Invalid 'top_p'/ },
  },
  {
    name: "OpenAI, no such model",
    status: 404,
    body: openai("The model `x` does not exist", "model_not_found"),
    told: { ...missing, says: /does not exist/ },
  },
  {
    name: "Anthropic, no such model",
    kind: "anthropic",
    status: 404,
    body: anthropic("not_found_error", "model: x"),
    told: missing,
  },
  {
    name: "Gemini, no such model",
    kind: "gemini",
    status: 404,
    body: gemini(404, "NOT_FOUND", "models/x is not found"),
    told: missing,
  },
  { name: "a wrong address", status: 404, body: "<html>", told: missing },
  { name: "a body too large", status: 413, body: openai("too large", null), told: { ...size, says: /too large/ } },
  {
    name: "Anthropic, a body too large",
    kind: "anthropic",
    status: 413,
    body: anthropic("request_too_large", "Request exceeds the maximum size"),
    told: size,
  },
  {
    name: "FastAPI, a list",
    status: 422,
    body: { detail: [{ loc: ["body", "top_k"], msg: "must be positive", type: "value_error" }] },
    told: { ...form, says: /body\.top_k: must be positive/ },
  },
  {
    name: "Mistral, without a frame",
    status: 422,
    body: { object: "error", message: "Extra inputs", type: "invalid_request_error" },
    told: { ...form, says: /Extra inputs/ },
  },
  {
    name: "OpenAI, a rate",
    status: 429,
    body: openai("Rate limit reached for requests", "rate_limit_exceeded", "requests"),
    headers: { "retry-after": "7" },
    told: { ...rate, retryAfter: 7 },
  },
  {
    name: "Anthropic, a rate",
    kind: "anthropic",
    status: 429,
    body: anthropic("rate_limit_error", "organization x exceeds 50 requests"),
    headers: { "retry-after": "9" },
    told: { ...rate, retryAfter: 9 },
  },
  {
    name: "Gemini, a rate",
    kind: "gemini",
    status: 429,
    body: gemini(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", [
      { violations: [{ quotaId: "GenerateRequestsPerMinutePerProjectPerModel" }] },
      { retryDelay: "38s" },
    ]),
    told: { ...rate, retryAfter: 38 },
  },
  {
    name: "OpenAI, no money",
    status: 429,
    body: openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
    told: quota,
  },
  {
    name: "Moonshot, no money",
    status: 429,
    body: { error: { message: "account suspended", type: "exceeded_current_quota_error" } },
    told: quota,
  },
  {
    name: "DeepSeek, no money",
    status: 402,
    body: openai("Insufficient Balance", "invalid_request_error"),
    told: quota,
  },
  { name: "xAI, no money", status: 403, body: { error: "Your team has used all available credits" }, told: quota },
  {
    name: "Anthropic, no money",
    kind: "anthropic",
    status: 400,
    body: anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    told: quota,
  },
  {
    name: "Gemini, no quota for the day",
    kind: "gemini",
    status: 429,
    body: gemini(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", [
      { violations: [{ quotaId: "GenerateRequestsPerDayPerProject" }] },
    ]),
    told: quota,
  },
  {
    name: "OpenAI, key",
    status: 401,
    body: openai(`Incorrect API key provided: ${providerKeys.first}`, "invalid_api_key"),
    told: key,
  },
  { name: "OpenAI, key not allowed", status: 403, body: openai("not for your key", null), told: key },
  {
    name: "Anthropic, key",
    kind: "anthropic",
    status: 401,
    body: anthropic("authentication_error", "invalid x-api-key"),
    told: key,
  },
  {
    name: "Gemini, key",
    kind: "gemini",
    status: 400,
    body: gemini(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [
      { reason: "API_KEY_INVALID" },
    ]),
    told: key,
  },
  {
    name: "Anthropic, overloaded",
    kind: "anthropic",
    status: 529,
    body: anthropic("overloaded_error", "Overloaded"),
    told: { ...overloaded, says: /is overloaded/ },
  },
  {
    name: "Gemini, overloaded",
    kind: "gemini",
    status: 503,
    body: gemini(503, "UNAVAILABLE", "The model is overloaded."),
    told: overloaded,
  },
  {
    name: "OpenAI, overloaded",
    status: 503,
    body: openai("slow down", null, "service_unavailable_error"),
    headers: { "retry-after": "3" },
    told: { ...overloaded, retryAfter: 3 },
  },
  { name: "Groq, overloaded", status: 498, body: openai("capacity", "capacity_exceeded"), told: overloaded },
  {
    name: "a failure",
    status: 500,
    body: openai("The server had an error", null, "server_error"),
    told: {
      ...overloaded,
      status: 502,
      problem: "upstream.failed",
      code: "upstream.failed",
      type: "api_error",
      says: /answered with status 500/,
    },
  },
  {
    name: "OpenRouter, a rate with a good status",
    status: 200,
    body: { error: { code: 429, message: "x is rate-limited upstream" } },
    told: rate,
  },
  {
    name: "OpenRouter, too long with a good status",
    status: 200,
    body: { error: { code: 400, message: longOpenai } },
    told: context,
  },
  {
    name: "Anthropic, overloaded with a good status",
    kind: "anthropic",
    status: 200,
    body: anthropic("overloaded_error", "Overloaded"),
    told: overloaded,
  },
];

let rig: GatewayRig;
let stub: Stub;
beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    flags: { "max-attempts": "2" },
    providers: ({ keyFile }) => {
      const provider = (kind: Kind): ProviderRow => ({
        kind,
        baseUrl: `${stub.url}/v1`,
        keys: [{ file: keyFile(providerKeys.first) }],
        open: true,
      });
      const two = [{ file: keyFile(providerKeys.first) }, { file: keyFile(providerKeys.second) }];
      return {
        // What one row does to a key is no other row's business.
        ...Object.fromEntries(rows.map(({ kind = "openai-compatible" }, i) => [`p${i}`, provider(kind)])),
        scoped: { ...provider("openai-compatible"), keys: two },
        single: provider("openai-compatible"),
      };
    },
    deployments: [
      { name: "gone-weak", provider: "single", model: "gone", tier: 1, tags: ["gone"] },
      { name: "gone-sound", model: "ok-sound", tier: 2, tags: ["gone"] },
    ],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

const question = questions();
const classes = {
  openai: {
    BadRequest: openaiErrors.BadRequestError,
    NotFound: openaiErrors.NotFoundError,
    Unprocessable: openaiErrors.UnprocessableEntityError,
    RateLimit: openaiErrors.RateLimitError,
    Server: openaiErrors.InternalServerError,
    Api: openaiErrors.APIError,
  },
  anthropic: {
    BadRequest: anthropicErrors.BadRequestError,
    NotFound: anthropicErrors.NotFoundError,
    Unprocessable: anthropicErrors.UnprocessableEntityError,
    RateLimit: anthropicErrors.RateLimitError,
    Server: anthropicErrors.InternalServerError,
    Api: anthropicErrors.APIError,
  },
};
const thrown = async (work: PromiseLike<unknown>): Promise<unknown> => {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("it went well");
};

describe("a provider's verdict", () => {
  it.each(rows.map((row, i) => ({ ...row, i })))(
    "reaches every door: $name",
    async ({ i, status, body, headers, told }) => {
      stub.answer = (_request, response) => {
        for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
        sendJson(response, body, status);
      };
      for (const stream of [false, true]) {
        const model = `p${i}/m-${stream}`;
        const doors = {
          chat: () => rig.openai().chat.completions.create({ ...question(), model: `${model}-c`, stream }),
          responses: () => rig.openai().responses.create({ input: "Hi", model: `${model}-r`, stream }),
          messages: () =>
            rig.anthropic().messages.create({ ...question(), model: `${model}-m`, max_tokens: 9, stream }),
        };
        for (const [door, call] of Object.entries(doors)) {
          const error = (await thrown(call())) as InstanceType<typeof openaiErrors.APIError>;
          const where = `${door}, stream ${stream}`;
          const raised = (door === "messages" ? classes.anthropic : classes.openai)[told.raises];
          expect(error, where).toBeInstanceOf(raised);
          expect(error.status, where).toBe(told.status);
          const said = (door === "messages" ? (error.error as { error: unknown }).error : error.error) as Record<
            string,
            string
          >;
          expect(said["code"], where).toBe(told.code);
          if (door === "messages") {
            expect((error as unknown as InstanceType<typeof anthropicErrors.APIError>).type, where).toBe(told.type);
            if (told.says !== undefined) expect(said["message"], where).toMatch(told.says);
          } else if (told.says !== undefined && told.problem !== "upstream.context_exceeded") {
            expect(said["message"], where).toMatch(told.says);
          }
          const retryAfter = error.headers?.get("retry-after") ?? undefined;
          if (told.retryAfter !== undefined) {
            expect(Number(retryAfter), where).toBeGreaterThan(told.retryAfter - 3);
            expect(Number(retryAfter), where).toBeLessThanOrEqual(told.retryAfter);
          } else if (told.problem !== "model.busy") expect(retryAfter, where).toBeUndefined();
          expect(error.headers?.get("x-should-retry"), where).toBe(told.retries ? null : "false");
          expect(JSON.stringify([error.error, error.message]), where).not.toContain(providerKeys.first.slice(3, 20));
        }
        const problem = (await rig.chat({ ...question(), model: `${model}-p`, stream })).json;
        expect([problem.status, problem.code]).toEqual([told.status, told.problem]);
      }
    },
  );
});

describe("what a provider says of itself", () => {
  const account = "Incorrect API key provided: sk-proj-****wxyz for org-AbC123secretorg";
  const inside = "upstream connect error http://10.0.3.7:8080/internal?token=abc password=hunter2xyz";
  const chunk = { id: "1", model: "m", choices: [{ index: 0, delta: { role: "assistant", content: "Hi there. " } }] };
  const unsaid = /org-|sk-proj|10\.0\.3|hunter2|token=/;

  it.each([
    ["an unknown key", openai(account, "invalid_api_key"), 502, "upstream.key_refused"],
    ["an unknown key without a code", openai(account, null), 502, "upstream.key_refused"],
    ["an unknown key by its words", openai(account, null, "server_error"), 502, "upstream.key_refused"],
    ["a key that may not", openai(account, null, "permission_error"), 502, "upstream.key_refused"],
    ["a quota", openai(account, "insufficient_quota"), 429, "upstream.quota_exceeded"],
    ["a rate", openai(account, "rate_limit_exceeded", "requests"), 429, "model.busy"],
    ["too much to do", openai(inside, "overloaded"), 503, "upstream.overloaded"],
    ["a failure", openai(inside, "server_error", "server_error"), 502, "upstream.failed"],
  ])("in a stream is a verdict, and its words are not passed on: %s", async (name, error, status, code) => {
    for (const first of [[], [chunk]]) {
      stub.answer = async (_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const event of first) response.write(`data: ${JSON.stringify(event)}\n\n`);
        if (first.length > 0) await sleep(200);
        response.end(`data: ${JSON.stringify(error)}\n\n`);
      };
      const from = stub.seen.length;
      const model = `single/${name.replaceAll(" ", "-")}-${first.length}`;
      const told = await rig.chat({ ...question(), model, stream: true });
      expect(told.status).toBe(first.length === 0 ? status : 200);
      expect(told.text).toMatch(first.length === 0 ? `"code":"${code}"` : /"error":\{/);
      expect(told.text).not.toMatch(unsaid);
      const isTried = first.length === 0 && ["upstream.overloaded", "upstream.failed"].includes(code);
      expect(stub.seen.length - from).toBe(isTried ? 2 : 1);
    }
  });

  it.each([500, 502, 503, 529])("with status %i stays in the log", async (status) => {
    stub.answer = (_request, response) => sendJson(response, openai(inside, null, "server_error"), status);
    const { text } = await rig.chat({ ...question(), model: `single/m-${status}` });
    expect(text).toContain(status < 503 ? `answered with status ${status}.` : "is overloaded");
    expect(text).not.toMatch(unsaid);
  });

  it("of the request is passed on, in a stream too", async () => {
    const error = openai("max_tokens must be positive", null);
    stub.answer = (_request, response) =>
      void response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${JSON.stringify(error)}\n\n`);
    const { status, text } = await rig.chat({ ...question(), model: "single/wrong", stream: true });
    expect([status, text.includes("max_tokens must be positive")]).toEqual([400, true]);
  });
});

describe("what rests after a refusal", () => {
  const good = {
    id: "1",
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  };
  /** How often the provider was asked, and what the caller was told. */
  const asks = async (model: string): Promise<[number, number]> => {
    const from = stub.seen.length;
    const { status } = await rig.chat({ ...question(), model });
    return [stub.seen.length - from, status];
  };

  it("is nothing where the request is to blame, or there is no such model: another deployment answers then", async () => {
    for (const status of [400, 404, 413, 422]) {
      stub.answer = (_request, response) => sendJson(response, openai("no", null), status);
      for (let i = 0; i < 7; i++) expect(await asks(`single/m-${status}`)).toEqual([1, status]);
    }
    const headers = { "x-charter-strategy": "cost_optimized" };
    stub.answer = (_request, response) => sendJson(response, openai("no such model", "model_not_found"), 404);
    const { json } = await rig.chat({ ...question(), model: "tag:gone" }, { headers });
    expect(json.choices?.[0].message.content).toBe(scriptedAnswer);
    stub.answer = (_request, response) => sendJson(response, good);
    expect(await asks("single/m-404")).toEqual([1, 200]);
  });

  it("is the key at that model where money or a quota is used up, and the key everywhere where it is refused", async () => {
    stub.answer = (_request, response) => sendJson(response, openai("no", "insufficient_quota"), 429);
    expect(await asks("scoped/poor")).toEqual([2, 429]);
    expect(await asks("scoped/poor")).toEqual([0, 429]);
    expect((await rig.chat({ ...question(), model: "scoped/poor" })).json.error.code).toBe("insufficient_quota");
    stub.answer = (_request, response) => sendJson(response, good);
    expect(await asks("scoped/rich")).toEqual([1, 200]);
    stub.answer = (_request, response) => sendJson(response, {}, 401);
    expect(await asks("scoped/rich")).toEqual([2, 502]);
    expect(await asks("scoped/any")).toEqual([0, 502]);
  });
});
