// What a call asks of its provider beside words is what the terms decided: which model answers and where, what is run,
// read, handed on and kept. The upstream's own view of each request is what counts.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { questions, startRig } from "../../support/gateway/gateway.ts";
import type { GatewayRig } from "../../support/gateway/gateway.ts";
import type { Answer } from "../../support/app/in-process.ts";
import { expectSound } from "../../support/ledger/record.ts";

let rig: GatewayRig;
let openKey: string;
let strictKey: string;

beforeAll(async () => {
  rig = await startRig({
    constitution: [
      [
        ["products", "WORKFLOW", "models"],
        { parameters: { model: "restricted", place: "restricted", reach: "internal" } },
      ],
      [
        ["products", "GURUKUL", "models"],
        { unknownParameters: "refuse", parameters: { tools: "refuse", retention: "refuse" } },
      ],
    ],
  });
  openKey = await rig.charter.keyFor("product", "WORKFLOW");
  strictKey = await rig.charter.keyFor("product", "GURUKUL");
});
afterAll(() => rig[Symbol.asyncDispose]());

const question = questions();

interface Door {
  readonly path: string;
  body(more: object): object;
}

const doors = {
  chat: { path: "/v1/chat/completions", body: (more) => ({ model: "up/any", ...question(), ...more }) },
  messages: { path: "/v1/messages", body: (more) => ({ model: "claude/any", max_tokens: 9, ...question(), ...more }) },
  responses: { path: "/v1/responses", body: (more) => ({ model: "up/any", input: "Hi", ...more }) },
  embeddings: { path: "/v1/embeddings", body: (more) => ({ model: "vectors", input: "Hi", ...more }) },
} as const satisfies Record<string, Door>;
type DoorName = keyof typeof doors;

function ask(
  door: DoorName,
  more: object,
  headers: Record<string, string> = {},
  key = rig.productKey,
): Promise<Answer> {
  const { path, body } = doors[door];
  return rig.charter.ask(path, { key, headers, body: body(more) });
}

/** What the upstream saw of the only request that an act made; undefined when it saw none. */
async function seenOf(
  act: () => Promise<Answer>,
): Promise<{ answer: Answer; seen: Readonly<Record<string, unknown>> | undefined }> {
  const { length } = rig.upstream.seen;
  const answer = await act();
  const [request, ...others] = rig.upstream.seen.slice(length);
  expect(others).toEqual([]);
  return { answer, seen: request?.json };
}

const picture = (at: string) => ({
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: at } }] }],
});
const part = (content: object) => ({ messages: [{ role: "user", content: [content] }] });
const bytes = { url: "data:image/png;base64,AAAA" };
const inside = { url: "http://169.254.169.254/x" };
const secret = { "x-charter-data-class": "confidential" };
const url = "https://elsewhere.test/mcp";

describe("a parameter that chooses past the router is refused, on record, and nobody is asked", () => {
  it.each<[DoorName, object, at: string, effect: string]>([
    ["chat", { models: ["else"] }, "/models", "model"],
    ["chat", { fallbacks: [{ any: ["else"] }] }, "/fallbacks", "model"],
    ["chat", { preset: "mine" }, "/preset", "model"],
    ["chat", { route: "fallback" }, "/route", "model"],
    ["chat", { engine: "else" }, "/engine", "model"],
    ["chat", { deployment_id: "else" }, "/deployment_id", "model"],
    ["chat", { deploymentId: "else" }, "/deploymentId", "model"],
    ["chat", { extra_body: { model: "else" } }, "/extra_body/model", "model"],
    ["chat", { extraBody: { extra_body: { MODEL: "else" } } }, "/extraBody/extra_body/MODEL", "model"],
    ["chat", { settings: { model: { id: "else" } } }, "/settings/model", "model"],
    ["chat", { settings: [{ deep: { model: "else" } }] }, "/settings/0/deep/model", "model"],
    ["chat", { providerOptions: { gateway: { models: ["else"] } } }, "/providerOptions/gateway/models", "model"],
    ["chat", { compound_custom: { models: { answering_model: "else" } } }, "/compound_custom", "model"],
    ["chat", { model: "up/@preset/mine" }, "/model", "model"],
    ["chat", { model: "up/one,two" }, "/model", "model"],
    ["chat", { model: "up/openrouter/auto" }, "/model", "model"],
    ["chat", { model: "up/any:nitro" }, "/model", "place"],
    ["chat", { model: "up/any:free:Floor" }, "/model", "place"],
    ["chat", { provider: { order: ["a"], data_collection: "allow" } }, "/provider/order", "place"],
    ["chat", { Provider: { only: ["a"] } }, "/Provider/only", "place"],
    ["chat", { provider: "azure" }, "/provider", "place"],
    ["chat", { providerOptions: { gateway: { only: ["a"] } } }, "/providerOptions/gateway/only", "place"],
    ["chat", { config: "pc-of-somebody" }, "/config", "model"],
    ["chat", { extra_body: '{"api_base":"x"}' }, "/extra_body", "model"],
    ["chat", { backend: "b" }, "/backend", "place"],
    [
      "chat",
      { x: [...Array.from({ length: 2000 }, () => ({ file_id: "f" })), { preset: "mine" }] },
      "/x/2000/preset",
      "model",
    ],
    ["chat", { x: { model: { deep: { preset: "mine" } } } }, "/x/model/deep/preset", "model"],
    ["chat", { mirror_to: "x.test" }, "/mirror_to", "reach"],
    ["chat", { api_base: url }, "/api_base", "place"],
    ["chat", { apiKey: "sk-of-somebody" }, "/apiKey", "place"],
    ["chat", { base_url: url }, "/base_url", "place"],
    ["chat", { ſervice_tier: "flex", region: "us" }, "/region", "place"],
    ["chat", { extra_headers: { authorization: "Bearer of-somebody" } }, "/extra_headers", "place"],
    ["chat", { kv_transfer_params: { remote_host: "10.0.0.1" } }, "/kv_transfer_params", "reach"],
    ["chat", { webhook_url: url }, "/webhook_url", "reach"],
    ["chat", { data_sources: [{ type: "azure_search", parameters: { endpoint: url } }] }, "/data_sources", "reach"],
    ["chat", { judgeModel: "else" }, "/judgeModel", "model"],
    ["chat", { preferred_providers: ["a"] }, "/preferred_providers", "place"],
    ["chat", { data_region: "us" }, "/data_region", "place"],
    ["chat", { upstream_api_key: "sk-of-somebody" }, "/upstream_api_key", "place"],
    ["chat", { postback: "x.test" }, "/postback", "reach"],
    ["chat", { frobnicate: { deep: ["wss://elsewhere.test"] } }, "/frobnicate/deep", "reach"],
    ["chat", { metadata: { router: { model: "else" } } }, "/metadata/router/model", "model"],
    ["chat", picture("file:///etc/passwd"), "/messages", "reach"],
    ["chat", picture("http://169.254.169.254/latest"), "/messages", "reach"],
    ["chat", part({ type: "text", text: "a", image_url: inside }), "/messages/0/content/0/image_url/url", "reach"],
    ["chat", part({ type: "image_url", image_url: bytes, proxy: url }), "/messages/0/content/0/proxy", "reach"],
    ["chat", { messages: [{ role: "user", content: "a", see: [{ at: url }] }] }, "/messages/0/see/0/at", "reach"],
    [
      "chat",
      { messages: [{ role: "user", content: "a", additional_tools: [{ type: "mcp", server_url: url }] }] },
      "/messages/0/additional_tools/0/server_url",
      "reach",
    ],
    ["chat", { reasoning: { effort: "low", model: "else" } }, "/reasoning/model", "model"],
    ["chat", { thinking: { type: "enabled", model: "else" } }, "/thinking/model", "model"],
    ["chat", { stream_options: { webhook_url: url } }, "/stream_options/webhook_url", "reach"],
    ["chat", { response_format: { type: "json_object", models: ["else"] } }, "/response_format/models", "model"],
    ["chat", { Reasoning: { model: "else" } }, "/Reasoning/model", "model"],
    ["chat", { streamOptions: { webhook_url: url } }, "/streamOptions/webhook_url", "reach"],
    ["chat", { extra_body: { reasoning: { models: ["else"] } } }, "/extra_body/reasoning/models", "model"],
    ["chat", { extra_body: { documents: [inside.url] } }, "/extra_body/documents/0", "reach"],
    ["chat", { functions: [{ name: "f", server_url: url }] }, "/functions/0/server_url", "reach"],
    ["chat", { messages: [{ role: "user", content: "a", images: [inside.url] }] }, "/messages/0/images/0", "reach"],
    [
      "chat",
      {
        messages: [
          { role: "user", type: "mcp_tool_result", content: [{ type: "text", text: "a", image_url: inside }] },
        ],
      },
      "/messages/0/content/0/image_url/url",
      "reach",
    ],
    ["chat", { documents: [inside.url] }, "/documents/0", "reach"],
    ["chat", { documents: [{ title: "a", at: inside.url }] }, "/documents/0/at", "reach"],
    ["messages", { thinking: { type: "disabled", fallbacks: ["else"] } }, "/thinking/fallbacks", "model"],
    ["chat", picture("http://[::1]:8080/"), "/messages", "reach"],
    ["messages", { fallbacks: [{ model: "else" }] }, "/fallbacks", "model"],
    ["messages", { inference_geo: "us" }, "/inference_geo", "place"],
    ["messages", { inferenceGeo: "us" }, "/inferenceGeo", "place"],
    ["messages", { workspace_id: "wrkspc_1" }, "/workspace_id", "place"],
    ["messages", { mcp_servers: [{ type: "url", url, name: "x" }] }, "/mcp_servers", "reach"],
    ["messages", { tools: [{ type: "advisor_20260301", name: "advisor", model: "else" }] }, "/tools/0/type", "model"],
    ["messages", { tools: [{ type: "mcp_toolset", mcp_server_name: "x" }] }, "/tools/0/type", "reach"],
    ["responses", { models: ["else"] }, "/models", "model"],
    ["embeddings", { models: ["else"] }, "/models", "model"],
    ["embeddings", { extra_body: { api_base: url } }, "/extra_body/api_base", "place"],
  ])("%s %j", async (door, more, at, effect) => {
    const size = await rig.charter.ledgerSize();
    const { answer, seen } = await seenOf(() => ask(door, more));
    const { status, json } = answer;
    expect([status, json.code, json.at, json.limit]).toEqual([400, "parameter.refused", at, `parameters.${effect}`]);
    expect(json.remedy).toContain("constitution");
    expect(seen).toBeUndefined();
    expect(await rig.outcomeSince(size)).toMatchObject({ outcome: "refused", code: "parameter.refused" });
  });
});

describe("another spelling of what Charter decides by", () => {
  it.each<[DoorName, object, at: string]>([
    ["chat", { Model: "else" }, "/Model"],
    ["chat", { "mode\u212a": "x", MODEL: "else" }, "/MODEL"],
    ["chat", { maxTokens: 100_000 }, "/maxTokens"],
    ["chat", { Max_Tokens: 100_000 }, "/Max_Tokens"],
    ["chat", { Messages: [{ role: "user", content: "unseen" }] }, "/Messages"],
    ["chat", { extra_body: { max_tokens: 100_000 } }, "/extra_body/max_tokens"],
    ["chat", { STREAM: true }, "/STREAM"],
    ["chat", { messages: [{ role: "user", content: "a", Content: "unseen" }] }, "/messages/0/Content"],
    ["chat", { messages: [{ role: "user", content: "a", toolCalls: [] }] }, "/messages/0/toolCalls"],
    ["chat", part({ type: "image_url", image_url: bytes, Image_Url: inside }), "/messages/0/content/0/Image_Url"],
    [
      "chat",
      part({ type: "image_url", image_url: { ...bytes, URL: inside.url } }),
      "/messages/0/content/0/image_url/URL",
    ],
    ["chat", part({ type: "text", text: "a", TEXT: "unseen" }), "/messages/0/content/0/TEXT"],
    ["chat", { tools: [{ type: "function", Type: "web_search", function: { name: "f" } }] }, "/tools/0/Type"],
    ["chat", { tools: [{ type: "function", function: { name: "f", NAME: "g" } }] }, "/tools/0/function/NAME"],
    [
      "messages",
      part({ type: "text", text: "a", cache_control: { type: "ephemeral", TTL: "1h" } }),
      "/messages/0/content/0/cache_control/TTL",
    ],
    ["messages", { cache_control: { type: "ephemeral", Ttl: "1h" } }, "/cache_control/Ttl"],
    ["messages", { system: [{ type: "text", text: "a", cacheControl: {} }] }, "/system/0/cacheControl"],
    ["chat", { best_of: "20" }, "/best_of"],
    ["chat", { reasoning: { max_tokens: "100000" } }, "/reasoning/max_tokens"],
    ["messages", { System: "unseen" }, "/System"],
    ["responses", { Input: "unseen" }, "/Input"],
    ["embeddings", { mo_del: "else" }, "/mo_del"],
  ])("is refused: %s %j", async (door, more, at) => {
    const { answer, seen } = await seenOf(() => ask(door, more));
    expect([answer.status, answer.json.code, answer.json.at]).toEqual([400, "dialect.invalid", at]);
    expect(seen).toBeUndefined();
  });
});

describe("what ordinary agents send goes to the provider as it is", () => {
  const f = {
    type: "function",
    function: { name: "f", parameters: { type: "object", properties: { model: { type: "string" } } } },
  };
  it.each<[DoorName, object]>([
    ["chat", { service_tier: "auto", store: false, metadata: { model: "x", url }, user: "u", prompt_cache_key: "k" }],
    [
      "chat",
      { models: null, provider: null, tools: [f], tool_choice: "auto", response_format: { type: "json_object" } },
    ],
    ["chat", { provider: { data_collection: "deny", zdr: true, require_parameters: true, max_price: { prompt: 1 } } }],
    ["chat", { reasoning: { effort: "low" }, top_k: 5, min_p: 0.1, chat_template_kwargs: { enable_thinking: false } }],
    ["chat", { guided_json: { type: "object", properties: { url: { type: "string" }, model: { type: "string" } } } }],
    ["chat", { modalities: ["text"], use_beam_search: true, cache_salt: "s", priority: 1 }],
    ["chat", picture("https://elsewhere.test/a.png")],
    ["chat", { metadata: { session_id: "x", callback_url: url, trace: { endpoint: url, deep: [url] } } }],
    ["chat", { documents: [{ title: "a", text: "b", url }], stream_options: { include_usage: true } }],
    ["chat", { reasoning: { effort: "low", exclude: true, max_tokens: 20 }, usage: { include: true } }],
    [
      "chat",
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "x", schema: { $schema: url, type: "object", default: { model: "x" } } },
        },
      },
    ],
    [
      "chat",
      {
        messages: [
          {
            role: "assistant",
            content: "b",
            annotations: [{ type: "url_citation", url_citation: { url } }],
            citations: [url],
            parsed: { model: "x", url },
            provider_specific_fields: { citations: [url] },
          },
          { role: "user", content: `${url} says?`, timestamp: 5 },
        ],
      },
    ],
    ["chat", { web_search_options: {}, plugins: [{ id: "web" }], store: true }],
    [
      "messages",
      { metadata: { user_id: "u" }, thinking: { type: "disabled" }, service_tier: "auto", speed: "standard" },
    ],
    ["messages", { cache_control: { type: "ephemeral", ttl: "1h" }, context_management: { edits: [] } }],
    ["messages", { system: [{ type: "text", text: "a", cache_control: { type: "ephemeral", ttl: "1h" } }] }],
    [
      "messages",
      {
        tools: [
          { type: "web_search_20250305", name: "web_search", max_uses: 8 },
          { type: "bash_20250124", name: "bash" },
        ],
      },
    ],
    ["messages", { tools: [{ name: "f", input_schema: { type: "object", properties: { url: { type: "string" } } } }] }],
    ["embeddings", { dimensions: 4, user: "u" }],
    [
      "messages",
      {
        messages: [
          { role: "user", content: "a" },
          {
            role: "assistant",
            content: [{ type: "tool_use", id: "t", name: "f", input: { URL: url, url, Type: "x" } }],
          },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "t", content: [{ type: "text", text: url }] },
              { type: "search_result", source: url, title: "t", content: [{ type: "text", text: "x" }] },
              { type: "document", source: { type: "text", media_type: "text/plain", data: `${url} is it` } },
            ],
          },
        ],
      },
    ],
  ])("%s %j", async (door, more) => {
    const { answer, seen } = await seenOf(() => ask(door, more));
    expect([answer.status, answer.json.detail]).toEqual([200, undefined]);
    expect(seen).toMatchObject(more);
  });
});

describe("what Codex says of itself", () => {
  it("is left out for a provider whose API has no word for it, on record", async () => {
    const { answer, seen } = await seenOf(() => ask("responses", { client_metadata: { x: "y" } }));
    expect([answer.status, seen]).toEqual([200, expect.not.objectContaining({ client_metadata: expect.anything() })]);
    expect(answer.headers.get("x-charter-dropped")).toContain("client_metadata");
  });
});

describe("a mark that keeps a prefix for an hour", () => {
  const cache_control = { type: "ephemeral", ttl: "1h" };
  const text = { type: "text", text: "a", cache_control };
  it.each<[string, object]>([
    ["in a document's content", part({ type: "document", source: { type: "content", content: [text] } })],
    ["in a tool's result", part({ type: "tool_result", tool_use_id: "t", content: [text] })],
    ["on a tool", { tools: [{ name: "f", input_schema: { type: "object" }, cache_control }] }],
    ["in the system prompt", { system: [text] }],
    ["on the whole", { cache_control }],
  ])("counts %s", async (_name, more) => {
    const size = await rig.charter.ledgerSize();
    expect((await ask("messages", more)).status).toBe(200);
    expect((await rig.outcomeSince(size)).facts?.governed_parameters).toContain("cache_control for an hour (price)");
  });
});

describe("data of a higher class", () => {
  it.each<[DoorName, object, effect: string]>([
    ["chat", { web_search_options: {} }, "tools"],
    ["chat", { plugins: [{ id: "web" }] }, "tools"],
    ["chat", { model: "up/any:online" }, "tools"],
    ["chat", { enableSearch: true }, "tools"],
    ["chat", { deep_research_search: "on" }, "tools"],
    ["chat", { persistConversation: true }, "retention"],
    ["chat", { store: true }, "retention"],
    ["chat", { provider: { zdr: false } }, "retention"],
    ["chat", picture("https://elsewhere.test/a.png"), "fetch"],
    ["chat", { messages: [{ role: "user", content: [{ type: "file", file: { file_data: url } }] }] }, "fetch"],
    ["chat", { messages: [{ role: "user", content: [{ type: "file", file: { file_id: "file-1" } }] }] }, "retention"],
    ["messages", { tools: [{ type: "web_search_20260209", name: "web_search" }] }, "tools"],
    ["messages", { tools: [{ type: "web_fetch_20250910", name: "web_fetch" }] }, "tools"],
    ["messages", { tools: [{ type: "brand_new_20270101", name: "new" }] }, "tools"],
    ["messages", { container: "container_1" }, "tools"],
    ["messages", { messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url } }] }] }, "fetch"],
    [
      "messages",
      { messages: [{ role: "user", content: [{ type: "image", source: { type: "file", file_id: "f" } }] }] },
      "retention",
    ],
    [
      "messages",
      { messages: [{ role: "user", content: "a", tools: [{ type: "web_search_20260209", name: "w" }] }] },
      "tools",
    ],
  ])("does not go along with %s %j", async (door, more, effect) => {
    const { answer, seen } = await seenOf(() => ask(door, more, secret));
    expect([answer.status, answer.json.code, answer.json.limit]).toEqual([
      400,
      "parameter.refused",
      `parameters.${effect}`,
    ]);
    expect(seen).toBeUndefined();
  });

  it("goes along with bytes and with the tools of the caller", async () => {
    const inline = picture("data:image/png;base64,AAAA");
    const tools = [
      { type: "function", function: { name: "web_search", parameters: { type: "object", properties: {} } } },
    ];
    const { answer, seen } = await seenOf(() => ask("chat", { ...inline, tools }, secret));
    expect(answer.status).toBe(200);
    expect(seen).toMatchObject({ ...inline, tools });
  });
});

describe("the terms of a product", () => {
  it("allow it what they allow, and the model is still the one that was decided", async () => {
    const more = { models: ["else"], provider: { order: ["a"] }, region: "eu" };
    const { answer, seen } = await seenOf(() => ask("chat", more, {}, openKey));
    expect(answer.status).toBe(200);
    expect(seen).toMatchObject({ ...more, model: "any" });
    const mcp = { mcp_servers: [{ type: "url", url, name: "x" }] };
    expect((await seenOf(() => ask("messages", mcp, {}, openKey))).seen).toMatchObject(mcp);
    expect((await ask("messages", mcp, secret, openKey)).json.limit).toBe("parameters.tools");
    expect((await ask("chat", { Model: "else" }, {}, openKey)).status).toBe(400);
    const handed = { frobnicate: { to: url } };
    expect((await seenOf(() => ask("chat", handed, {}, openKey))).seen).toMatchObject(handed);
  });

  it("refuse what they refuse with data of every class", async () => {
    const open = { "x-charter-data-class": "public" };
    for (const more of [{ web_search_options: {} }, { store: true }, { plugins: [{ id: "web" }] }]) {
      const { answer, seen } = await seenOf(() => ask("chat", more, open, strictKey));
      expect([answer.status, seen]).toEqual([400, undefined]);
    }
  });
});

describe("a parameter that nothing is known of", () => {
  it("goes to the provider as it came, and its name is on record, without its value", async () => {
    const size = await rig.charter.ledgerSize();
    const more = {
      frobnicate: { words: "of nobody" },
      "x-y": [1],
      ["ghp_" + "a1B2".repeat(9)]: 1,
      ["n".repeat(200)]: 2,
    };
    const { answer, seen } = await seenOf(() => ask("chat", more));
    expect(answer.status).toBe(200);
    expect(seen).toMatchObject(more);
    const { facts: call } = await rig.outcomeSince(size);
    expect(call?.unknown_parameters).toBe("frobnicate; x-y; a name that is not shown");
    expect(JSON.stringify(call)).not.toContain("of nobody");
    await expectSound(rig.charter.dataDir);
  });

  it("and all its like take no more room on record than a few names", async () => {
    const size = await rig.charter.ledgerSize();
    const more = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`unknown_${i}`, i]));
    expect((await ask("chat", more)).status).toBe(200);
    const { facts: call } = await rig.outcomeSince(size);
    const unknown = call?.unknown_parameters?.split("; ");
    expect([unknown?.length, unknown?.at(-1)]).toEqual([17, "and more"]);
  });

  it("is refused for a product that refuses such", async () => {
    const size = await rig.charter.ledgerSize();
    const { answer, seen } = await seenOf(() => ask("chat", { frobnicate: 1, temperature: 0 }, {}, strictKey));
    const { status, json } = answer;
    expect([status, json.code, json.at, json.limit]).toEqual([
      400,
      "parameter.refused",
      "/frobnicate",
      "unknownParameters",
    ]);
    expect(seen).toBeUndefined();
    const { facts: call } = await rig.outcomeSince(size);
    expect(call?.unknown_parameters).toBe("frobnicate");
    expect((await ask("chat", { temperature: 0, frobnicate: null }, {}, strictKey)).status).toBe(200);
  });

  it("is counted without its name", async () => {
    await ask("chat", { frobnicate: 3 });
    const { text } = await rig.charter.ask("/metrics");
    expect(text).toMatch(/charter_parameters_total\{[^}]*effect="unknown"[^}]*\} \d+/);
    expect(text).not.toContain("frobnicate");
  });
});

describe("the betas that a caller names", () => {
  const sent = async (beta: string, key?: string) => {
    const { length } = rig.upstream.seen;
    const answer = await ask("messages", {}, { "anthropic-beta": beta }, key);
    return { answer, passed: rig.upstream.seen[length]?.headers["anthropic-beta"] };
  };

  it("go to the provider as they came where the terms allow what they change", async () => {
    const beta = "claude-code-20250219,context-1m-2025-08-07, interleaved-thinking-2025-05-14";
    expect((await sent(beta)).passed).toBe(beta);
    expect((await sent("server-side-fallback-2026-07-01", openKey)).passed).toBe("server-side-fallback-2026-07-01");
  });

  it("are left out where they allow what the terms refuse, and the answer says so", async () => {
    const size = await rig.charter.ledgerSize();
    const { answer, passed } = await sent("effort-2025-11-24,server-side-fallback-2026-07-01,mcp-client-2025-11-20");
    expect([answer.status, passed]).toEqual([200, "effort-2025-11-24"]);
    expect(answer.headers.get("x-charter-dropped")).toBe("server-side-fallback-2026-07-01,mcp-client-2025-11-20");
    const { facts: call } = await rig.outcomeSince(size);
    expect(call?.dropped_parameters).toBe("server-side-fallback-2026-07-01; mcp-client-2025-11-20");
  });

  it("of new names are judged by the words in them", async () => {
    const { answer, passed } = await sent("model-fallback-v3-2027-01-01,brand-new-2027-01-01");
    expect([answer.status, passed]).toEqual([200, "brand-new-2027-01-01"]);
  });

  it("that nothing is known of are refused for a product that refuses such", async () => {
    expect((await sent("brand-new-2027-01-01")).passed).toBe("brand-new-2027-01-01");
    const { answer, passed } = await sent("brand-new-2027-01-01", strictKey);
    expect([answer.json.code, answer.json.at, passed]).toEqual(["parameter.refused", "anthropic-beta", undefined]);
  });
});

describe("a provider of another API", () => {
  it("is not told what its API has no word for, and the answer and the record name it", async () => {
    const size = await rig.charter.ledgerSize();
    const more = { model: "up/any", metadata: { user_id: "u" }, service_tier: "auto" };
    const { answer, seen } = await seenOf(() => ask("messages", more));
    expect(answer.status).toBe(200);
    expect(Object.keys(seen ?? {}).toSorted()).toEqual(["max_tokens", "messages", "model", "user"]);
    expect(answer.headers.get("x-charter-dropped")).toBe("service_tier");
    const { facts: call } = await rig.outcomeSince(size);
    expect(call?.dropped_parameters).toBe("service_tier");
  });
});

describe("whatever way a call takes", () => {
  it("each request names the model that was decided and the service that was asked", async () => {
    const { length } = rig.upstream.seen;
    const more = { temperature: 0, service_tier: "priority", frobnicate: { a: 1 } };
    const headers = { "x-charter-strategy": "cascade" };
    const chat = (body: object) => ask("chat", body, headers);
    for (const stream of [false, true]) {
      expect((await chat({ model: "auto:cascade", stream, ...more })).status).toBe(200);
      expect((await chat({ model: "tier:2", stream, ...more })).status).toBe(200);
      const enforced = { "x-charter-schema": "enforce" };
      await ask("chat", { model: "up/json", stream, response_format: { type: "json_object" }, ...more }, enforced);
    }
    const models = rig.upstream.seen.slice(length).map(({ json }) => json.model);
    expect(models.length).toBeGreaterThanOrEqual(6);
    expect(models.filter((model) => !["ok", "json", "ok-claude", "ok-gem"].includes(model ?? ""))).toEqual([]);
    for (const { json } of rig.upstream.seen.slice(length)) {
      if (json.model === "ok" || json.model === "json") expect(json).toMatchObject(more);
    }
  });

  it("and in whatever door it comes in, no choice past the router goes through", async () => {
    const { length } = rig.upstream.seen;
    const bodies: readonly (readonly [path: string, body: object])[] = [
      ["/execute", { query: "Hi", models: ["else"] }],
      ["/execute", { query: "Hi", extra_body: { model: "else" } }],
      ["/route", { query: "Hi", api_base: url }],
      ["/api/v1/consciousness/process", { query: "Hi", models: ["else"] }],
    ];
    for (const [path, body] of bodies) {
      const { status } = await rig.charter.ask(path, { key: rig.productKey, body });
      expect([400, 404], path).toContain(status);
    }
    expect(rig.upstream.seen).toHaveLength(length);
  });
});

describe("the explanation of a route", () => {
  it("says what the call asks for and whether the terms refuse it", async () => {
    const { json } = await rig.charter.ask("/v1/route/explain", {
      key: rig.productKey,
      body: { model: "up/any", ...question(), region: "eu", frobnicate: 1 },
    });
    expect(json.parameters).toMatchObject({ governed: ["region (place)"], unknown: ["frobnicate"] });
    expect(json.parameters.refused).toContain("the terms refuse it");
  });
});
