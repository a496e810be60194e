import { describe, expect, it } from "vitest";
import type { Reply } from "../conversation.ts";
import { parseLossless } from "../../kernel/json-exact.ts";
import { embeddingsFront, embeddingsUpstream } from "./embeddings.ts";
import { openaiChatFront } from "../openai-chat/dialect.ts";

const target = { model: "served", defaultMaxOutputTokens: 1 };

function read(fields: object): ReturnType<typeof embeddingsFront.readCall> {
  return embeddingsFront.readCall({ model: "e", ...fields });
}

const by = { stamp: { id: "made", createdMs: 0 }, usage: null };

describe("embeddings", () => {
  it.each([
    ["a", ["a"], undefined],
    [["a", "b"], ["a", "b"], undefined],
    [[1, 2, 3], [], 3],
    [[[1, 2], [3]], [], 3],
  ])("take the input %j", (input, inputs, inputTokens) => {
    const call = read({ input });
    expect([call.inputs, call.inputTokens]).toEqual([inputs, inputTokens]);
  });

  it.each<[object, string]>([
    [{}, "/input"],
    [{ input: [] }, "/input"],
    [{ input: 1 }, "/input"],
    [{ input: ["a", 1] }, "/input/0"],
    [{ input: [[1], "a"] }, "/input/1"],
    [{ input: [[1], [-1]] }, "/input/1"],
    [{ input: "a", model: 1 }, "/model"],
    [{ input: "a", dimensions: 0 }, "/dimensions"],
  ])("refuse %j", (fields, at) => {
    expect(() => read(fields)).toThrow(expect.objectContaining({ code: "dialect.invalid", facts: { at } }));
  });

  it("go upstream as they came, with the served model", () => {
    const call = read({ input: [1, 2], dimensions: 3, truncate: "END" });
    const body = { model: "served", input: [1, 2], dimensions: 3, truncate: "END" };
    expect(embeddingsUpstream.writeCall(call, target)).toEqual({ path: "/embeddings", headers: {}, body });
  });

  it("of other servers of the API may be of objects, and in encodings that Charter does not know", () => {
    const input = ["a", { image: "data:image/png;base64,aW1n" }, { text: "b" }];
    const call = read({ input, encoding_format: "ubinary" });
    expect([call.inputs, call.untranslated]).toEqual([["a"], ["/input/1", "/input/2"]]);
    expect(embeddingsUpstream.writeCall(call, target).body).toMatchObject({ input, encoding_format: "ubinary" });
    const data = [{ index: 0, embedding: { ubinary: [1, 255] } }];
    expect(embeddingsFront.mended?.(call, { data }, by)).toBeUndefined();
  });

  it("are in the encoding that was asked for, whatever the server gave, and keep what else it said", () => {
    const base64 = "AACAPgAAAL8AAIA/AAAAPg==";
    const numbers = [0.25, -0.5, 1, 0.125];
    const body = (embedding: unknown) => ({ data: [{ index: 0, embedding, extra: 1 }], more: "m" });
    for (const [format, came, sent] of [
      ["base64", numbers, base64],
      ["base64", base64, undefined],
      ["float", base64, numbers],
      ["float", numbers, undefined],
      [undefined, base64, numbers],
    ] as const) {
      const call = read({ input: "a", ...(format === undefined ? {} : { encoding_format: format }) });
      const mended = sent === undefined ? undefined : body(sent);
      expect(embeddingsFront.mended?.(call, body(came), by)).toEqual(mended);
    }
  });

  it("are written in base64 from numbers of any length", () => {
    const call = read({ input: "a", encoding_format: "base64" });
    const data = parseLossless('[{"index":0,"embedding":[0.10000000000000001,0.3333333333333333333333333]}]');
    const mended = embeddingsFront.mended?.(call, { data }, by) as { data: [{ embedding: string }] } | undefined;
    const bytes = Buffer.from(mended?.data[0].embedding ?? "", "base64");
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([Math.fround(0.1), Math.fround(1 / 3)]);
  });

  it("hold no conversation", () => {
    const call = openaiChatFront.readCall({ model: "m", messages: [{ role: "user", content: "hi" }] });
    const unsupported = expect.objectContaining({ code: "dialect.unsupported" });
    expect(() => embeddingsUpstream.writeCall(call, target)).toThrow(unsupported);
  });

  it("are read in the order of their index", () => {
    const data = [
      { object: "embedding", index: 1, embedding: "AACAPw==" },
      { object: "embedding", index: 0, embedding: [0.5] },
    ];
    const usage = { prompt_tokens: 2, total_tokens: 2 };
    expect(embeddingsUpstream.readReply({ object: "list", data, model: "served", usage })).toEqual({
      id: "",
      model: "served",
      choices: [],
      vectors: [[0.5], "AACAPw=="],
      rawUsage: usage,
      usage: null,
    });
  });

  it.each([
    [null],
    [{}],
    [{ data: [{}] }],
    [{ data: [{ index: 3, embedding: [1] }] }],
    [
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [2] },
        ],
      },
    ],
    [{ data: [0, 0, 2].map((index) => ({ index, embedding: [1] })) }],
    [{ data: [{ index: -1, embedding: [1] }] }],
    [{ data: [{ index: 1e9, embedding: [1] }] }],
  ])("are garbled in %j", (body) => {
    const garbled = expect.objectContaining({ code: "upstream.garbled" });
    expect(() => embeddingsUpstream.readReply(body)).toThrow(garbled);
  });

  it("are no stream", () => {
    const garbled = expect.objectContaining({ code: "upstream.garbled" });
    expect(() => embeddingsUpstream.streamReader().read({ data: "{}" })).toThrow(garbled);
    expect(embeddingsUpstream.streamReader().close()).toEqual([]);
    const writer = embeddingsFront.streamWriter(read({ input: "a" }), { createdMs: 0, id: "i" });
    expect(writer.write({ kind: "end" })).toBe("");
    expect(writer.fail({ code: "upstream.failed", message: "It failed." })).toContain('"code":"upstream.failed"');
  });

  it("are written in the encoding asked for, whichever came", () => {
    const usage = {
      inputTokens: 7,
      outputTokens: 0,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      reasoningTokens: 0,
      estimated: true,
    };
    const reply: Reply = { id: "", model: "m", choices: [], vectors: [[1], "AACAPw=="], rawUsage: null, usage };
    const write = (fields: object): unknown => {
      return embeddingsFront.writeReply(read({ input: ["a", "b"], ...fields }), reply, { createdMs: 0, id: "" });
    };
    const data = (embedding: unknown): object[] => [0, 1].map((index) => ({ object: "embedding", index, embedding }));
    const rest = { object: "list", model: "m", usage: { prompt_tokens: 7, total_tokens: 7 } };
    expect(write({})).toEqual({ ...rest, data: data([1]) });
    expect(write({ encoding_format: "base64" })).toEqual({ ...rest, data: data("AACAPw==") });
  });
});
