// What becomes of what an API has no word for, for every pair of front and upstream.
import { describe, expect, it } from "vitest";
import type { DialectName, WireRequest } from "../conversation.ts";
import { frontDialects, upstreamDialects } from "../dialect-tables.ts";

const target = { model: "gemini-2.5-flash", defaultMaxOutputTokens: 100 };

function write(from: DialectName, body: object, to: DialectName, more: object = {}): WireRequest {
  const front = frontDialects[from];
  const upstream = upstreamDialects[to];
  if (front === undefined || upstream === undefined) throw new Error("there is no such dialect");
  return upstream.writeCall(front.readCall({ model: "m", ...body }), { ...target, ...more });
}

const hi = [{ role: "user", content: "Hi" }];
const others: readonly DialectName[] = ["openai-responses", "anthropic-messages", "gemini"];

describe("a wish that a provider has no word for", () => {
  it.each([
    ["seed", { seed: 7 }, ["openai-responses", "anthropic-messages"]],
    ["frequency_penalty", { frequency_penalty: 0.1 }, ["openai-responses", "anthropic-messages"]],
    ["temperature above 1", { temperature: 1.2 }, ["anthropic-messages"]],
    ["logit_bias", { logit_bias: { 5: -100 } }, others],
    ["verbosity", { verbosity: "low" }, ["anthropic-messages", "gemini"]],
    ["/messages/0/name", { messages: [{ role: "user", name: "ann", content: "Hi" }] }, others],
    ["n", { n: 2, stream: true }, others],
    ["logprobs", { logprobs: true }, ["openai-responses", "anthropic-messages"]],
    [
      "parallel_tool_calls",
      { parallel_tool_calls: false, tools: [{ type: "function", function: { name: "f" } }] },
      ["gemini"],
    ],
    ["/tools/0", { tools: [{ type: "web_search" }] }, others],
    ["user", { user: "u1" }, ["gemini"]],
    ["prompt_cache_key", { prompt_cache_key: "k" }, ["anthropic-messages", "gemini"]],
  ] as const)("is left out and named: %s", (name, fields, losers) => {
    for (const to of others) {
      const { dropped, body } = write("openai-chat", { messages: hi, ...fields }, to);
      expect([to, dropped]).toEqual([to, (losers as readonly string[]).includes(to) ? [name] : []]);
      expect(JSON.stringify(body)).toContain("Hi");
    }
  });

  it("is refused with its place where the caller wants that", () => {
    const refusing = { unsupported: "refuse" };
    for (const [fields, at] of [
      [{ seed: 7 }, "/seed"],
      [{ logit_bias: {} }, "/logit_bias"],
      [{ messages: [{ role: "user", name: "ann", content: "Hi" }] }, "/messages/0/name"],
    ] as const) {
      const asked = (): unknown => write("openai-chat", { messages: hi, ...fields }, "anthropic-messages", refusing);
      expect(asked).toThrow(expect.objectContaining({ code: "dialect.unsupported", facts: { at } }));
    }
    expect(write("openai-chat", { messages: hi, user: "u" }, "gemini", refusing).dropped).toEqual(["user"]);
  });
});

describe("what two APIs call by the same name", () => {
  const circumstances = {
    prompt_cache_key: "k",
    service_tier: "flex",
    user: "u",
    safety_identifier: "s",
    metadata: { a: "b" },
  };

  it("goes from one to the other", () => {
    const toChat = write("openai-responses", { input: "Hi", ...circumstances }, "openai-chat");
    expect(toChat.body).toMatchObject(circumstances);
    expect(toChat.dropped).toEqual([]);
    const toResponses = write("openai-chat", { messages: hi, ...circumstances }, "openai-responses");
    expect(toResponses.body).toMatchObject(circumstances);
    const verbose = write("openai-responses", { input: "Hi", text: { verbosity: "low" } }, "openai-chat");
    expect(verbose.body["verbosity"]).toBe("low");
    expect(write("openai-chat", { messages: hi, user: "u1" }, "anthropic-messages").body["metadata"]).toEqual({
      user_id: "u1",
    });
    const asked = { max_tokens: 9, messages: hi, metadata: { user_id: "u1" } };
    expect(write("anthropic-messages", asked, "openai-chat").body["user"]).toBe("u1");
  });

  it("is kept from servers that refuse it", () => {
    const { body, dropped } = write("openai-responses", { input: "Hi", ...circumstances }, "openai-chat", {
      provider: "mistral",
    });
    expect(Object.keys(body)).toEqual(["model", "messages"]);
    expect(new Set(dropped)).toEqual(new Set(Object.keys(circumstances)));
    const toOpenAi = write("openai-responses", { input: "Hi", ...circumstances }, "openai-chat", {
      provider: "openai",
    });
    expect(toOpenAi.dropped).toEqual(["metadata"]);
  });
});

describe("what a tool returned", () => {
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "aW1n" } };
  const pdf = { type: "document", source: { type: "base64", media_type: "application/pdf", data: "cGRm" } };
  const page = { type: "document", title: "notes", source: { type: "text", media_type: "text/plain", data: "words" } };
  const result = (...content: object[]) => ({
    max_tokens: 9,
    messages: [
      ...hi,
      { role: "assistant", content: [{ type: "tool_use", id: "t", name: "f", input: {} }] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "t", content },
          { type: "text", text: "And?" },
        ],
      },
    ],
  });

  it("reaches a chat model in a user's message behind the result", () => {
    const { body, dropped } = write("anthropic-messages", result(image, pdf, page), "openai-chat");
    expect((body["messages"] as unknown[]).slice(2)).toEqual([
      { role: "tool", tool_call_id: "t", content: "notes:\nwords" },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,aW1n" } },
          { type: "file", file: { file_data: "data:application/pdf;base64,cGRm" } },
          { type: "text", text: "And?" },
        ],
      },
    ]);
    expect(dropped).toEqual([]);
  });

  it("never makes a conversation unusable", () => {
    const strange = { type: "hologram", words: "x" };
    for (const to of ["openai-chat", "openai-responses", "gemini"] as const) {
      const { body, dropped } = write("anthropic-messages", result(strange, { type: "text", text: "seen" }), to);
      expect(JSON.stringify(body)).toContain("[hologram left out: this model cannot read it]");
      expect(JSON.stringify(body)).toContain("seen");
      expect(dropped).toEqual(["/messages/2/content/0/content/0"]);
    }
  });
});

describe("what only one API can read", () => {
  const strange = { type: "hologram" };

  it("is refused in the newest words of the user, with its place, and noted in older ones", () => {
    const asked = (messages: object[]) => write("anthropic-messages", { max_tokens: 9, messages }, "openai-chat");
    const at = "/messages/0/content/0";
    const now = [{ role: "user", content: [strange] }];
    expect(() => asked(now)).toThrow(expect.objectContaining({ code: "dialect.unsupported", facts: { at } }));
    const later = [...now, { role: "assistant", content: [strange, { type: "text", text: "Oh." }] }, ...hi];
    const { body, dropped } = asked(later);
    expect(body["messages"]).toEqual([
      { role: "user", content: "[hologram left out: this model cannot read it]" },
      { role: "assistant", content: "Oh." },
      { role: "user", content: "Hi" },
    ]);
    expect(dropped).toEqual([at, "/messages/1/content/0"]);
  });
});

describe("reasoning of the turn that a model works on", () => {
  const loop = {
    max_tokens: 9,
    messages: [
      ...hi,
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "I need f.", signature: "" },
          { type: "tool_use", id: "t", name: "f", input: {} },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "r" }] },
    ],
  };
  const reasoningIn = ({ body }: WireRequest): unknown =>
    (body["messages"] as Record<string, unknown>[]).find(({ role }) => role === "assistant")?.["reasoning_content"];

  it("goes back to a chat server, unless that refuses fields that it does not know", () => {
    expect(reasoningIn(write("anthropic-messages", loop, "openai-chat"))).toBe("I need f.");
    for (const provider of ["openai", "azure", "mistral", "groq"]) {
      expect(reasoningIn(write("anthropic-messages", loop, "openai-chat", { provider }))).toBeUndefined();
    }
  });

  it("stays away once the user has said something since", () => {
    const done = { ...loop, messages: [...loop.messages, { role: "assistant", content: "Done." }, ...hi] };
    expect(reasoningIn(write("anthropic-messages", done, "openai-chat"))).toBeUndefined();
  });
});
