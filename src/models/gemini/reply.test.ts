import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gathered, piecesOf } from "../../../test/support/gateway/reply-pieces.ts";
import type { Finish } from "../conversation.ts";
import { geminiUpstream } from "./dialect.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const body = JSON.parse(fixture("gemini-reply.json"));

function candidate(finishReason: string | undefined, parts: readonly object[] = []): object {
  return { candidates: [{ content: { parts }, finishReason }] };
}

describe("reading a reply of the Gemini API", () => {
  it("reads thoughts, texts, calls with ids, seals and usage", () => {
    expect(geminiUpstream.readReply(body)).toEqual({
      id: "r3spOnse-Id",
      model: "gemini-3-flash",
      choices: [
        {
          parts: [
            { kind: "reasoning", text: "The user wants two things." },
            { kind: "text", text: "I will look both up." },
            { kind: "reasoning", text: "", signature: "gemini:c2VhbA==" },
            { kind: "tool_call", id: "call_r3spOnse-Id_0_0", name: "get_weather", arguments: '{"city":"Paris"}' },
            { kind: "tool_call", id: "fc-2", name: "get_time", arguments: "{}" },
          ],
          finish: "tool_calls",
          meanLogprob: -0.25,
        },
      ],
      rawUsage: body.usageMetadata,
      usage: null,
    });
  });

  it("reads the same from a stream, with the usage of all its events", () => {
    const whole = geminiUpstream.readReply(body);
    const streamed = gathered(piecesOf(geminiUpstream, fixture("gemini-stream.sse")));
    expect(streamed).toMatchObject({ id: whole.id, model: whole.model, finish: "tool_calls", ended: true });
    expect(streamed.parts).toEqual(whole.choices[0]?.parts);
    expect(streamed.usage).toEqual(whole.rawUsage);
  });

  it("puts a seal on the thought that it follows", () => {
    const parts = [
      { text: "hm", thought: true },
      { functionCall: { name: "a" }, thoughtSignature: "c2VhbA==" },
    ];
    expect(geminiUpstream.readReply(candidate("STOP", parts)).choices[0]?.parts).toEqual([
      { kind: "reasoning", text: "hm", signature: "gemini:c2VhbA==" },
      { kind: "tool_call", id: "call__0_0", name: "a", arguments: "{}" },
    ]);
  });

  it("reads several candidates in their order", () => {
    const candidates = [
      { index: 1, content: { parts: [{ text: "b" }] }, finishReason: "STOP" },
      { index: 0, content: { parts: [{ text: "a" }] }, finishReason: "MAX_TOKENS" },
    ];
    expect(geminiUpstream.readReply({ candidates }).choices).toEqual([
      { parts: [{ kind: "text", text: "a" }], finish: "length" },
      { parts: [{ kind: "text", text: "b" }], finish: "stop" },
    ]);
  });

  it("reads a refused prompt as filtered, whole and streamed", () => {
    const blocked = fixture("gemini-blocked.json");
    expect(geminiUpstream.readReply(JSON.parse(blocked))).toMatchObject({
      choices: [{ parts: [], finish: "content_filter" }],
      rawUsage: { promptTokenCount: 12 },
    });
    const streamed = gathered(piecesOf(geminiUpstream, `data: ${JSON.stringify(JSON.parse(blocked))}\n\n`));
    expect(streamed).toMatchObject({
      parts: [],
      finish: "content_filter",
      ended: true,
      usage: { promptTokenCount: 12 },
    });
  });

  it.each<[string | undefined, Finish]>([
    ["STOP", "stop"],
    ["MAX_TOKENS", "length"],
    ["SAFETY", "content_filter"],
    ["RECITATION", "content_filter"],
    ["PROHIBITED_CONTENT", "content_filter"],
    ["SPII", "content_filter"],
    ["MALFORMED_FUNCTION_CALL", "error"],
    ["UNEXPECTED_TOOL_CALL", "error"],
    ["OTHER", "unknown"],
    ["SOMETHING_NEW", "unknown"],
    [undefined, "unknown"],
  ])("reads the reason %s as %s", (reason, finish) => {
    expect(geminiUpstream.readReply(candidate(reason)).choices[0]?.finish).toBe(finish);
  });

  it.each([
    null,
    [],
    {},
    { candidates: [] },
    { candidates: [3] },
    candidate("STOP", [{ functionCall: {} }]),
    candidate("STOP", [{ inlineData: { mimeType: "audio/wav", data: "" } }]),
    candidate("STOP", [{ inlineData: { mimeType: "image/png" } }]),
  ])("refuses %o as no reply", (garbage) => {
    expect(() => geminiUpstream.readReply(garbage)).toThrow(expect.objectContaining({ code: "upstream.garbled" }));
  });

  it("refuses what is no piece of a stream", () => {
    for (const data of ["no json", "[]"]) {
      expect(() => geminiUpstream.streamReader().read({ data })).toThrow(
        expect.objectContaining({ code: "upstream.garbled" }),
      );
    }
  });

  it("says one finish for each candidate, the first that it is given", () => {
    const reader = geminiUpstream.streamReader();
    const read = (finishReason: string) => reader.read({ data: JSON.stringify(candidate(finishReason)) });
    expect(read("MAX_TOKENS").filter(({ kind }) => kind === "finish")).toEqual([
      { kind: "finish", choice: 0, finish: "length" },
    ]);
    expect(read("STOP")).toEqual([]);
  });

  it("says no end of a stream that broke off before its reason, or that said nothing", () => {
    const text = fixture("gemini-stream.sse");
    const brokenOff = piecesOf(geminiUpstream, text.slice(0, text.lastIndexOf("data: ")));
    expect(brokenOff.some((piece) => piece.kind === "end")).toBe(false);
    expect(piecesOf(geminiUpstream, "")).toEqual([]);
  });

  it("reads errors, whole and inside a stream", () => {
    const error = JSON.parse(fixture("gemini-error.json"));
    const read = { code: "RESOURCE_EXHAUSTED", message: "Resource has been exhausted (e.g. check quota)." };
    expect(geminiUpstream.readError(error)).toEqual(read);
    expect(geminiUpstream.readError([error])).toEqual(read);
    expect(geminiUpstream.readError("bad gateway")).toBeUndefined();
    expect(piecesOf(geminiUpstream, `data: ${JSON.stringify(error)}\n\n`)).toEqual([{ kind: "error", ...read }]);
  });
});
