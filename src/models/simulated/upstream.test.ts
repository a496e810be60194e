import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SimulatedUpstream } from "./upstream.ts";
import { UpstreamFault } from "../../outbound/upstream.ts";
import type { Deadlines, Upstream, UpstreamAnswer } from "../../outbound/upstream.ts";

const patient: Deadlines = { connectMs: 20_000, headersMs: 20_000, idleMs: 20_000, totalMs: 20_000 };

interface Ask {
  readonly path?: string;
  readonly deadlines?: Partial<Deadlines>;
  readonly signal?: AbortSignal;
  readonly delayMs?: number;
  readonly upstream?: Upstream;
}

function send(body: object | string, ask: Ask = {}): Promise<UpstreamAnswer> {
  const upstream = ask.upstream ?? new SimulatedUpstream({ delayMs: ask.delayMs ?? 0 });
  return upstream.send({
    path: ask.path ?? "/chat/completions",
    headers: {},
    body: typeof body === "string" ? body : JSON.stringify(body),
    deadlines: { ...patient, ...ask.deadlines },
    signal: ask.signal ?? new AbortController().signal,
  });
}

async function textOf(answer: UpstreamAnswer): Promise<string> {
  return (await answer.collect(64 * 1024 * 1024)).toString();
}

// The answers have many shapes; what a test looks at it also compares.
// oxlint-disable-next-line typescript/no-explicit-any -- see above
async function jsonOf(body: object, ask?: Ask): Promise<any> {
  return JSON.parse(await textOf(await send(body, ask)));
}

const hello = { model: "simulated-nano", messages: [{ role: "user", content: "Say hello to the world." }] };

/** What a stream amounts to: the deltas put together for each choice. */
async function streamed(body: object) {
  const text = await textOf(await send({ ...body, stream: true }));
  const events = text.split("\n\n").slice(0, -1);
  expect(events.pop()).toBe("data: [DONE]");
  const chunks = events.map((event) => JSON.parse(event.replace(/^data: /, "")));
  const choices: { content: string; arguments: string; finish: string | null; pieces: number }[] = [];
  for (const { choices: parts } of chunks) {
    for (const { index, delta, finish_reason: finish } of parts) {
      const choice = (choices[index] ??= { content: "", arguments: "", finish: null, pieces: 0 });
      if (delta.content) choice.pieces++;
      choice.content += delta.content ?? "";
      choice.arguments += delta.tool_calls?.[0].function.arguments ?? "";
      choice.finish = finish ?? choice.finish;
    }
  }
  return { choices, chunks };
}

describe("the built-in model", () => {
  it("says that it is simulated, and repeats what it was told", async () => {
    const { choices, model, usage } = await jsonOf(hello);
    const [{ message, finish_reason: finish }] = choices;
    expect(message.content).toMatch(/^This is a simulated answer from Charter's built-in model simulated-nano\./);
    expect(message.content).toContain('You wrote: "Say hello to the world."');
    expect([model, finish]).toEqual(["simulated-nano", "stop"]);
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
    expect(usage.prompt_tokens).toBeGreaterThan(5);
  });

  it("repeats only the beginning of a long message, and says more the stronger it claims to be", async () => {
    const long = { ...hello, messages: [{ role: "user", content: [{ type: "text", text: "word ".repeat(1000) }] }] };
    const nano = await jsonOf(long);
    const expert = await jsonOf({ ...long, model: "simulated-expert" });
    expect(nano.choices[0].message.content.length).toBeLessThan(400);
    expect(expert.choices[0].message.content.length).toBeGreaterThan(nano.choices[0].message.content.length);
    expect(nano.usage.prompt_tokens).toBeGreaterThan(1000);
  });

  it("answers the same request with the same bytes, in whatever order its fields stand", async () => {
    const { model, messages } = hello;
    const first = await textOf(await send({ model, messages, temperature: 0.5 }));
    expect(await textOf(await send({ temperature: 0.5, messages, model }))).toBe(first);
    expect(await textOf(await send({ model, messages, temperature: 0.6 }))).not.toBe(first);
  });

  it("streams in pieces of words what it says at once, with the same usage, whatever is asked", async () => {
    const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const tools = [{ type: "function", function: { name: "weather", parameters: schema } }];
    const request = fc.record(
      {
        n: fc.integer({ min: 1, max: 3 }),
        max_tokens: fc.nat({ max: 30 }),
        stop: fc.constantFrom("simulated", ["answer", "Nothing"], []),
        response_format: fc.constantFrom({ type: "json_object" }, { type: "text" }),
        tool_choice: fc.constantFrom("auto", "required"),
        messages: fc.array(fc.record({ role: fc.constant("user"), content: fc.string({ unit: "grapheme" }) }), {
          minLength: 1,
          maxLength: 3,
        }),
      },
      { requiredKeys: ["messages"] },
    );
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        const body = { model: "simulated-small", tools, ...asked };
        const whole = await jsonOf(body);
        const { choices, chunks } = await streamed({ ...body, stream_options: { include_usage: true } });
        expect(chunks.at(-1).usage).toEqual(whole.usage);
        expect(chunks.every(({ id }) => id === whole.id)).toBe(true);
        expect(choices).toHaveLength(whole.choices.length);
        for (const [at, { message, finish_reason: finish }] of whole.choices.entries()) {
          expect(choices[at]!.content).toBe(message.content ?? "");
          expect(choices[at]!.arguments).toBe(message.tool_calls?.[0].function.arguments ?? "");
          expect(choices[at]!.finish).toBe(finish);
        }
      }),
      { numRuns: 60 },
    );
    const { choices } = await streamed(hello);
    expect(choices[0]!.pieces).toBeGreaterThan(15);
  });

  it("tells its usage in a stream only when it is asked to", async () => {
    expect(JSON.stringify((await streamed(hello)).chunks)).not.toContain("usage");
  });

  it("keeps to the most tokens and says so", async () => {
    for (const [name, most] of [
      ["max_tokens", 3],
      ["max_completion_tokens", 0],
    ] as const) {
      const { choices, usage } = await jsonOf({ ...hello, [name]: most });
      expect(choices[0].finish_reason).toBe("length");
      expect(usage.completion_tokens).toBe(most);
    }
    const { choices } = await jsonOf({ ...hello, max_tokens: 10_000 });
    expect(choices[0].finish_reason).toBe("stop");
  });

  it("stops before a stop sequence", async () => {
    const { choices } = await jsonOf({ ...hello, stop: ["built-in", "answer"] });
    expect(choices[0]).toMatchObject({ message: { content: "This is a simulated " }, finish_reason: "stop" });
  });

  it("gives as many answers as are wanted", async () => {
    const { choices } = await jsonOf({ ...hello, model: "simulated-expert", n: 4 });
    expect(choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3]);
    const texts = choices.map(({ message }: { message: { content: string } }) => message.content);
    expect(new Set(texts).size).toBeGreaterThan(1);
  });

  it("answers in JSON, and in the form of a schema", async () => {
    const free = await jsonOf({ ...hello, response_format: { type: "json_object" } });
    expect(JSON.parse(free.choices[0].message.content)).toMatchObject({ simulated: true, model: "simulated-nano" });
    const schema = { type: "object", properties: { score: { type: "integer", minimum: 1 } }, required: ["score"] };
    const format = { type: "json_schema", json_schema: { name: "scored", schema, strict: true } };
    const formed = await jsonOf({ ...hello, response_format: format });
    expect(JSON.parse(formed.choices[0].message.content)).toEqual({ score: 1 });
  });

  it("calls the tool that it must call, with arguments that fit, and none that it need not", async () => {
    const parameters = { type: "object", properties: { days: { type: "integer", minimum: 2 } }, required: ["days"] };
    const tools = [
      { type: "function", function: { name: "clock" } },
      { type: "function", function: { name: "weather", parameters } },
    ];
    const named = await jsonOf({ ...hello, tools, tool_choice: { type: "function", function: { name: "weather" } } });
    expect(named.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { content: null, tool_calls: [{ function: { name: "weather", arguments: '{"days":2}' } }] },
    });
    const required = await jsonOf({ ...hello, tools, tool_choice: "required" });
    expect(required.choices[0].message.tool_calls[0].function).toEqual({ name: "clock", arguments: "{}" });
    const free = await jsonOf({ ...hello, tools, tool_choice: "auto" });
    expect(free.choices[0].message.tool_calls).toBeUndefined();
  });

  it("refuses in OpenAI's words what it cannot serve", async () => {
    const refused: readonly [object | string, number, string, string?][] = [
      ["{", 400, "invalid_request"],
      ["[]", 400, "invalid_request"],
      [{ ...hello, model: "gpt-5" }, 404, "model_not_found"],
      [{ model: "simulated-nano" }, 400, "invalid_request"],
      [{ ...hello, n: 1e9 }, 400, "invalid_request"],
      [{ ...hello, tool_choice: "required" }, 400, "invalid_request"],
      [hello, 404, "not_found", "/completions"],
      [{ model: "simulated-nano", input: [] }, 400, "invalid_request", "/embeddings"],
      [{ model: "simulated-nano", input: [{}] }, 400, "invalid_request", "/embeddings"],
      [{ model: "simulated-nano", input: "x", dimensions: 1e9 }, 400, "invalid_request", "/embeddings"],
      [{ model: "ada", input: "x" }, 404, "model_not_found", "/embeddings"],
    ];
    for (const [body, status, code, path = "/chat/completions"] of refused) {
      const answer = await send(body, { path });
      expect(answer.status).toBe(status);
      expect(JSON.parse(await textOf(answer))).toMatchObject({ error: { code, type: "invalid_request_error" } });
    }
  });
});

describe("the built-in model's embeddings", () => {
  const embed = (body: object) => jsonOf({ model: "simulated-nano", ...body }, { path: "/embeddings" });

  it("are unit vectors of the wanted length, the same for the same text", async () => {
    const { data, usage } = await embed({ input: ["the quick fox", "", "the quick fox"] });
    const [first, empty, third] = data.map(({ embedding }: { embedding: number[] }) => embedding);
    expect(first).toHaveLength(256);
    expect(first).toEqual(third);
    for (const vector of [first, empty]) expect(Math.hypot(...vector)).toBeCloseTo(1, 9);
    expect(usage.total_tokens).toBe(8);
    const short = await embed({ input: [[1, 2, 3]], dimensions: 8 });
    expect(short.data[0].embedding).toHaveLength(8);
  });

  it("lie close together for texts with the same words", async () => {
    const input = ["how do I reset my password", "password reset how", "the weather in Paris tomorrow"];
    const { data } = await embed({ input });
    const [asked, near, far] = data.map(({ embedding }: { embedding: number[] }) => embedding);
    const cosine = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
    expect(cosine(asked, near)).toBeGreaterThan(0.5);
    expect(cosine(asked, far)).toBeLessThan(0.3);
  });

  it("come packed when that is wanted", async () => {
    const { data: plain } = await embed({ input: "one" });
    const { data: packed } = await embed({ input: "one", encoding_format: "base64" });
    const bytes = Buffer.from(packed[0].embedding, "base64");
    const floats = Array.from({ length: 256 }, (_, at) => bytes.readFloatLE(4 * at));
    expect(floats.map((value) => value.toFixed(5))).toEqual(
      plain[0].embedding.map((value: number) => value.toFixed(5)),
    );
  });
});

describe("the built-in model as an upstream", () => {
  it("ends a call whose caller has gone", async () => {
    const reason = new Error("gone");
    await expect(send(hello, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const gone = new AbortController();
    const waiting = expect(send(hello, { signal: gone.signal, delayMs: 60_000 })).rejects.toBe(reason);
    gone.abort(reason);
    await waiting;
    const later = new AbortController();
    const answer = await send({ ...hello, stream: true }, { signal: later.signal });
    const reader = answer.body[Symbol.asyncIterator]();
    await reader.next();
    later.abort(reason);
    await expect(reader.next()).rejects.toBe(reason);
  });

  it("keeps the deadlines when it is told to be slow", async () => {
    const late = { delayMs: 60_000, deadlines: { headersMs: 10 } };
    await expect(send(hello, late)).rejects.toMatchObject({ code: "upstream.timeout", facts: { limit: "headersMs" } });
    const slow = await send({ ...hello, stream: true }, { delayMs: 250, deadlines: { totalMs: 700 } });
    const fault = await textOf(slow).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(UpstreamFault);
    expect(fault).toMatchObject({ facts: { limit: "totalMs" }, retryable: false });
  });

  it("stops when it is cancelled, and takes no reader for larger than it is", async () => {
    const answer = await send({ ...hello, stream: true });
    let pieces = 0;
    for await (const piece of answer.body) {
      expect(piece.toString()).toMatch(/^data: /);
      if (++pieces === 2) answer.cancel();
    }
    expect(pieces).toBe(2);
    const large = await send(hello);
    await expect(large.collect(10)).rejects.toMatchObject({ code: "upstream.garbled", facts: { limit: "maxBytes" } });
  });

  it("answers nothing more once it is closed", async () => {
    const upstream = new SimulatedUpstream();
    await upstream[Symbol.asyncDispose]();
    await expect(send(hello, { upstream })).rejects.toMatchObject({ code: "upstream.failed" });
  });
});
