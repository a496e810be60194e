// The scripted upstream itself, as its clients see it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spawnUpstream, startUpstream } from "./upstream.ts";
import type { ScriptedUpstream } from "./upstream.ts";

let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream[Symbol.asyncDispose]());

const said = [{ role: "user", content: "What is the answer?" }];

function post(path: string, body: object, url = upstream.url): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body), redirect: "manual" });
}

const chat = (model: string, more: object = {}) => post("/v1/chat/completions", { model, messages: said, ...more });

describe("the scripted upstream", () => {
  it("speaks OpenAI's dialect, at once and as a stream", async () => {
    const whole = await (await chat("ok")).json();
    expect(whole).toMatchObject({ model: "ok", choices: [{ message: { content: "The answer is forty-two." } }] });
    expect(whole).toMatchObject({ usage: { prompt_tokens: 12, completion_tokens: 6, total_tokens: 18 } });
    const stream = await (await chat("ok", { stream: true, stream_options: { include_usage: true } })).text();
    expect(stream).toMatch(/"usage":\{"prompt_tokens":12.*\n\ndata: \[DONE\]\n\n$/);
    expect(await (await chat("ok", { stream: true })).text()).not.toContain("usage");
    expect(await (await fetch(`${upstream.url}/v1/models`)).json()).toMatchObject({ data: [{ id: "ok" }] });
    const embedded = await post("/v1/embeddings", { model: "ok", input: ["a", "b"] });
    expect(await embedded.json()).toMatchObject({ data: [{ index: 0 }, { index: 1 }], usage: { total_tokens: 6 } });
  });

  it("speaks Anthropic's dialect, at once and as a stream", async () => {
    const body = { model: "ok", max_tokens: 10, messages: said };
    const whole = await (await post("/v1/messages", body)).json();
    expect(whole).toMatchObject({ type: "message", content: [{ text: "The answer is forty-two." }] });
    const stream = await (await post("/v1/messages", { ...body, stream: true })).text();
    expect([...stream.matchAll(/^event: (\S+)$/gm)].map((match) => match[1])).toEqual([
      "message_start",
      "content_block_start",
      "ping",
      ...Array.from({ length: 6 }, () => "content_block_delta"),
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  it("speaks Gemini's dialect, at once and as a stream, with the script in the path", async () => {
    const body = { contents: [{ role: "user", parts: [{ text: "echo this" }] }] };
    const whole = await (await post("/v1beta/models/echo:generateContent", body)).json();
    expect(whole).toMatchObject({
      candidates: [{ content: { parts: [{ text: "echo this" }] }, finishReason: "STOP" }],
    });
    const stream = await (await post("/v1beta/models/ok:streamGenerateContent?alt=sse", body)).text();
    expect(stream.match(/^data: /gm)).toHaveLength(6);
    expect((await post("/v1beta/models/503:generateContent", body)).status).toBe(503);
  });

  it("does what the model's name says", async () => {
    expect((await chat("429-retry-after")).headers.get("retry-after")).toBe("7");
    expect((await chat("401")).status).toBe(401);
    expect(await (await chat("html-error")).text()).toContain("<html>");
    expect(await (await chat("refuse-context")).text()).toContain("context_length_exceeded");
    const tools = [{ type: "function", function: { name: "lookup" } }];
    expect(await (await chat("tool", { tools })).text()).toContain('"name":"lookup"');
    const { choices } = (await (await chat("json")).json()) as { choices: { message: { content: string } }[] };
    expect(JSON.parse(choices[0]!.message.content)).toEqual({ answer: 42 });
    expect(await (await chat("no-usage")).text()).not.toContain('"usage"');
    expect(await (await chat("lie-usage-negative")).text()).toContain('"prompt_tokens":-12');
    expect(await (await chat("lie-usage-huge")).text()).toContain("9000000000000000");
    expect(await (await chat("no-done", { stream: true })).text()).not.toContain("[DONE]");
    expect(await (await chat("error-in-stream", { stream: true })).text()).toMatch(/"error":.*\n\n$/);
    await expect(chat("garbage").then((answer) => answer.json())).rejects.toThrow(SyntaxError);
    expect(await (await chat("garbage-sse", { stream: true })).text()).toContain("{broken");
    expect(await (await chat("trickle", { stream: true })).text()).toMatch(/\[DONE\]\n\n$/);
    await expect(chat("cut-before-headers")).rejects.toThrow();
    await expect(chat("cut-mid-stream", { stream: true }).then((answer) => answer.text())).rejects.toThrow();
  });

  it("keeps to a sequence before it listens to names, and remembers every request", async () => {
    const before = upstream.seen.length;
    upstream.script(["500", "cut-before-headers", "ok"]);
    expect((await chat("slow-10")).status).toBe(500);
    await expect(chat("slow-10")).rejects.toThrow();
    expect((await chat("slow-10")).status).toBe(200);
    expect((await chat("404")).status).toBe(404);
    const seen = upstream.seen.slice(before);
    expect(seen.map(({ script }) => script)).toEqual(["500", "cut-before-headers", "ok", "404"]);
    expect(seen[0]).toMatchObject({ path: "/v1/chat/completions", json: { model: "slow-10" }, aborted: false });
  });

  it("notices who hangs up", async () => {
    const before = upstream.aborted;
    const gone = new AbortController();
    const body = JSON.stringify({ model: "endless", messages: said, stream: true });
    const answer = await fetch(`${upstream.url}/v1/chat/completions`, { method: "POST", body, signal: gone.signal });
    expect(answer.status).toBe(200);
    gone.abort();
    await upstream.until(() => upstream.aborted === before + 1);
    expect(upstream.seen.at(-1)).toMatchObject({ script: "endless", aborted: true });
  });

  it("runs as a process of its own", async () => {
    await using process = await spawnUpstream();
    expect((await post("/v1/chat/completions", { model: "ok", messages: said }, process.url)).status).toBe(200);
  });
});
