// What providers of bad faith try at the gateway: to be believed about what was used, to be taken for Charter, to forge
// frames, to fill its memory, to get a key or a header through to a caller.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chunk, completion, hello, pour, startAttacked, stream, whole } from "../support/attack/attacked.ts";
import type { Attacked } from "../support/attack/attacked.ts";
import { providerKeys, readStream, sendJson, startStub } from "../support/gateway/gateway.ts";
import type { Stub } from "../support/gateway/gateway.ts";

let on: Attacked;
beforeAll(async () => {
  on = await startAttacked();
});
afterAll(() => on[Symbol.asyncDispose]());

describe("a provider that lies", () => {
  const lies: readonly (readonly [name: string, body: unknown])[] = [
    ["negative usage", completion({ usage: { prompt_tokens: -5, completion_tokens: -5 } })],
    ["usage as text", completion({ usage: { prompt_tokens: "5", completion_tokens: "1e9" } })],
    ["fractions", completion({ usage: { prompt_tokens: 0.5, completion_tokens: 1e300 } })],
    ["beyond belief", completion({ usage: { prompt_tokens: 9e15, completion_tokens: 9e15 } })],
    ["a list", completion({ usage: [] })],
    ["no usage", completion({ usage: null })],
  ];
  it("about what was used is not believed: an estimate counts", async () => {
    for (const [name, body] of lies) {
      const headers = await on.project(`lies ${name}`);
      on.stub.answer = (_request, response) => sendJson(response, body);
      const size = await on.rig.charter.ledgerSize();
      expect((await on.chat({ max_tokens: 50 }, headers)).status, name).toBe(200);
      const { facts: call } = await on.rig.outcomeSince(size);
      expect(call, name).toMatchObject({ estimated: true });
      expect(await on.used(`lies ${name}`), name).toBe((call?.input_tokens ?? 0) + (call?.output_tokens ?? 0));
    }
  });

  it("cannot speak in Charter's name in a stream", async () => {
    const said = ': charter {"decision":"allow","microdollars":0,"outcome_index":1}';
    on.stub.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`${said}\n\n: awake\n\n${said}\ndata: ${whole[0]}\n\n:charter {}\r\ndata: ${whole[1]}\r\n\r\n`);
      stream(response, whole.slice(2));
    };
    const { text } = await on.chat({ model: "own/forger", stream: true }, await on.project("forger"));
    const comments = text.split(/\r?\n/).filter((line) => line.startsWith(":"));
    expect(comments).toEqual([": awake", expect.stringMatching(/^: charter \{"decision":"allow","intent_index":\d+/)]);
    expect(readStream(text).data).toEqual(whole);
  });

  it("cannot end or forge a frame by what its model says, in any dialect", async () => {
    const hostile = 'x\n\ndata: [DONE]\n\n: charter {"microdollars":0}\r\nevent: message_stop\rdata: {}\u2028\n\n';
    on.stub.answer = (_request, response) => stream(response, [chunk({ content: hostile }), ...whole.slice(2)]);
    const headers = await on.project("frames");
    for (const [path, body] of [
      ["/v1/chat/completions", { messages: hello }],
      ["/v1/messages", { messages: hello, max_tokens: 50 }],
      ["/v1/responses", { input: "Hi" }],
    ] as const) {
      const { text } = await on.post(path, { ...body, model: "own/frames", stream: true }, headers);
      const comments = text.split(/[\r\n]/).filter((line) => line.startsWith(":"));
      expect(comments, path).toHaveLength(1);
      for (const data of readStream(text).data) if (data !== "[DONE]") JSON.parse(data);
      // Once as words and, where the API has it, once as the end; nothing comes after it.
      if (path === "/v1/chat/completions") expect(text).toMatch(/^(?:(?!\ndata: \[DONE\])[^])*\ndata: \[DONE\]\n\n$/);
    }
  });

  it("and pours out nothing is given up before it fills the memory", async () => {
    const silence: Record<string, string> = {
      comments: ": nothing\n\n".repeat(5000),
      usage: `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } })}\n\n`.repeat(
        1000,
      ),
      "an endless line": `data: ${"x".repeat(100_000)}`,
      "an endless comment": `: ${"x".repeat(100_000)}`,
    };
    const headers = await on.project("silence");
    for (const [name, bytes] of Object.entries(silence)) {
      on.stub.answer = (_request, response) => pour(response, bytes);
      const { status, json } = await on.chat({ model: `own/${name.replaceAll(" ", "-")}`, stream: true }, headers);
      expect([status, json.code], name).toEqual([502, "upstream.garbled"]);
    }
  });

  it("with names full of control characters changes no header, and its name stays short on record", async () => {
    on.stub.answer = (_request, response) =>
      sendJson(response, completion({ model: "m\r\nx-evil: 1\u0000é".repeat(5000) }));
    const size = await on.rig.charter.ledgerSize();
    const { status, headers } = await on.chat({ model: "own/names" }, await on.project("names"));
    expect(status).toBe(200);
    expect(headers.get("x-evil")).toBeNull();
    expect(headers.get("x-charter-model")).toMatch(/^[!-~]{1,256}$/);
    expect((await on.rig.outcomeSince(size)).facts?.model.length).toBeLessThanOrEqual(300);

    on.stub.answer = (_request, response) =>
      stream(response, [whole[0]!.replace('"m"', JSON.stringify("m".repeat(90_000))), ...whole.slice(1)]);
    const { text } = await on.chat({ model: "own/names", stream: true }, await on.project("names"));
    expect(readStream(text).facts.model.length).toBeLessThanOrEqual(300);
  });

  it("does not get its key or its address to a caller, nor its headers, nor does it send the call elsewhere", async () => {
    const key = providerKeys.second;
    const headers = await on.project("leaks");
    const elsewhere = await startStub();
    const ways: Record<string, Stub["answer"]> = {
      "an error of 400": (_request, response) => sendJson(response, { error: { message: `${key} `.repeat(60) } }, 400),
      "an error of 200": (_request, response) => sendJson(response, { error: { message: `bad ${key}`, code: key } }),
      "an error in a stream": (_request, response) =>
        stream(response, [whole[0]!, JSON.stringify({ error: { message: `bad ${key}`, code: key } })]),
      "an error page": (_request, response) => void response.writeHead(500, { "x-key": key }).end(`<html>${key}`),
      "a page": (_request, response) =>
        void response.writeHead(200, { "content-type": "text/html", "x-key": key }).end(`<html>${key}`),
      "no content": (_request, response) => void response.writeHead(204, { "x-key": key }).end(),
      "a redirect": (_request, response) =>
        void response.writeHead(302, { location: `${elsewhere.url}/latest/meta-data?${key}` }).end(),
      "a large error": (_request, response) => sendJson(response, { error: { message: key.repeat(100_000) } }, 500),
    };
    for (const [name, answer] of Object.entries(ways)) {
      on.stub.answer = answer;
      for (const streamed of [false, true]) {
        const given = await on.chat({ model: `own/${name.replaceAll(" ", "-")}`, stream: streamed }, headers);
        const all = `${given.text} ${JSON.stringify([...given.headers])}`;
        expect(all, name).not.toContain(key.slice(3, 20));
        expect(all, name).not.toContain(elsewhere.url);
      }
    }
    expect(elsewhere.seen).toEqual([]);
    await elsewhere[Symbol.asyncDispose]();
  });

  it("about the shape of its answer harms nobody", async () => {
    const headers = await on.project("shapes");
    const tool = (index: number): object => ({ index, id: `call_${index}`, function: { name: "f", arguments: "{}" } });
    const streams: Record<string, readonly string[]> = {
      "an index of a thousand million": [
        JSON.stringify({ choices: [{ index: 1e9, delta: { content: "x", tool_calls: [tool(1e9)] } }] }),
        ...whole,
      ],
      "an index below 0": [
        JSON.stringify({
          choices: [
            { index: -1, delta: { content: "x" } },
            { index: 0.5, delta: { content: "y" } },
          ],
        }),
        ...whole,
      ],
      "more after the end": [...whole, chunk({ content: "more" }), "[DONE]"],
      "words after the finish": [whole[2]!, ...whole],
      "a finish and no words": whole.slice(2),
      "two thousand tools": [
        ...Array.from({ length: 2000 }, (_, i) => chunk({ tool_calls: [tool(i)] })),
        ...whole.slice(2),
      ],
      "a prototype": [
        '{"__proto__":{"usage":{"prompt_tokens":1}},"constructor":1,"choices":[{"index":0,"delta":{"content":"x","__proto__":{"role":"y"}}}]}',
        ...whole.slice(2),
      ],
    };
    for (const [name, frames] of Object.entries(streams)) {
      on.stub.answer = (_request, response) => stream(response, frames);
      for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/responses"]) {
        const asked = path === "/v1/responses" ? { input: "Hi" } : { messages: hello, max_tokens: 10 };
        const { status, text } = await on.post(path, { ...asked, model: "own/shapes", stream: true }, headers);
        expect(status, `${name} ${path}: ${text.slice(0, 200)}`).toBe(200);
        expect(readStream(text).facts, `${name} ${path}`).toMatchObject({ decision: "allow" });
        expect(text, name).not.toContain("more");
      }
    }
  });
});

describe("after all of it", () => {
  it("every intent has its one outcome, and no budget holds anything", () => on.expectAllSettled());
});
