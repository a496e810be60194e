// Pictures that a model made reach the caller in the form of the caller's API, whole and streamed.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { questions, readStream, sendEvents, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;
const data = Buffer.from("a picture of the sea").toString("base64");
const url = `data:image/png;base64,${data}`;
const usageMetadata = { promptTokenCount: 9, candidatesTokenCount: 1290, totalTokenCount: 1299 };
const gemini = (parts: readonly object[], finishReason?: string): object => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...(finishReason && { finishReason }) }],
  usageMetadata,
  modelVersion: "m",
  responseId: "r",
});
const draft = { inlineData: { mimeType: "image/png", data: "ZHJhZnQ=" }, thought: true };
const picture = { inlineData: { mimeType: "image/png", data } };
const choice = { index: 0, finish_reason: "stop" };
const images = [{ type: "image_url", image_url: { url } }];

beforeAll(async () => {
  stub = await startStub();
  stub.answer = ({ path, json }, response) => {
    if (path.startsWith("/v1beta")) {
      if (!path.includes("stream")) return sendJson(response, gemini([draft, { text: "Here." }, picture], "STOP"));
      sendEvents(
        response,
        [gemini([{ text: "Here." }]), gemini([picture], "STOP")].map((each) => JSON.stringify(each)),
      );
    } else if (json.stream === true) {
      const deltas = [{ role: "assistant", content: "Here." }, { images }, {}];
      const chunks = deltas.map((delta, i) => ({
        id: "1",
        model: "m",
        choices: [i < 2 ? { index: 0, delta } : { ...choice, delta }],
      }));
      sendEvents(response, [...chunks.map((each) => JSON.stringify(each)), "[DONE]"]);
    } else {
      const message = { role: "assistant", content: "Here.", images };
      return sendJson(response, { id: "1", model: "m", choices: [{ ...choice, message }] });
    }
    response.end();
  };
  rig = await startRig({
    providers: () => ({
      google: { kind: "gemini", baseUrl: `${stub.url}/v1beta`, keyless: true, open: true },
      router: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true },
    }),
  });
  // Nothing bounds what such a model may say but its window.
  const scope = { product: "AI_ASSISTANT" };
  await rig.charter.ask("/v1/budgets", { body: { scope, unit: "tokens", window: "total", limit: 100_000_000 } });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

const question = questions();

describe.each(["google/gemini-2.5-flash-image", "router/painter"])("a picture that %s made", (model) => {
  it("stands in a chat's message, and in a delta of its stream", async () => {
    const { json } = await rig.chat({ ...question(), model });
    expect(json.choices[0]).toMatchObject({ message: { content: "Here.", images }, finish_reason: "stop" });
    const { text } = await rig.chat({ ...question(), model, stream: true });
    const deltas = readStream(text).data.flatMap((each) => (each === "[DONE]" ? [] : JSON.parse(each).choices));
    const pictures = deltas.flatMap(({ delta }: { delta: { images?: object[] } }) => delta.images ?? []);
    expect(pictures).toMatchObject(images);
  });

  it("is a block of a message", async () => {
    const content = [
      { type: "text", text: "Here." },
      { type: "image", source: { type: "base64", media_type: "image/png", data } },
    ];
    const body = { ...question(), model, max_tokens: 50 };
    expect((await rig.anthropic().messages.create(body)).content).toMatchObject(content);
    const stream = rig.anthropic().messages.stream({ ...body, ...question() });
    expect(await stream.finalMessage()).toMatchObject({ content, stop_reason: "end_turn" });
  });

  it("is an item of a response", async () => {
    const image = { type: "image_generation_call", status: "completed", result: data, output_format: "png" };
    const whole = await rig.openai().responses.create({ model, input: question().messages });
    expect(whole.output).toMatchObject([{ type: "message" }, image]);
    const stream = rig.openai().responses.stream({ model, input: question().messages });
    const streamed = await stream.finalResponse();
    expect(streamed.output).toMatchObject([{ type: "message" }, image]);
    expect(streamed.output_text).toBe("Here.");
  });
});

describe("a caller of Gemini", () => {
  it("may say what the answer is made of", async () => {
    const { status } = await rig.chat({
      ...question(),
      model: "google/gemini-2.5-flash-image",
      modalities: ["image", "text"],
    });
    expect(status).toBe(200);
    expect(stub.seen.at(-1)?.json.generationConfig.responseModalities).toEqual(["IMAGE", "TEXT"]);
    const audio = await rig.chat({ ...question(), model: "google/gemini-2.5-flash", modalities: ["audio"] });
    expect([audio.status, audio.headers.get("x-charter-dropped")]).toEqual([200, "modalities"]);
  });
});
