import { describe, expect, it } from "vitest";
import type { Choice, Part, ReplyForm, StreamEvent } from "../models/conversation.ts";
import { formChecker } from "../structured-output/index.ts";
import { judgeReply, StreamedForm } from "./reply-form.ts";

const forms = formChecker();
const schema = { type: "object", required: ["answer"], properties: { answer: { type: "integer" } } };
const asked = (more: object = {}): ReplyForm => ({
  kind: "schema",
  name: "r",
  strict: true,
  schema: { ...schema, ...more },
});
const choice = (...parts: readonly Part[]): Choice => ({ parts, finish: "stop" });
const said = (text: string): Choice => choice({ kind: "text", text });
const judge = (form: ReplyForm, ...choices: readonly Choice[]) => judgeReply(forms, form, { choices });

describe("the form of a whole reply", () => {
  it("is not spoken of where none was asked for", () => {
    expect(judge({ kind: "text" }, said("anything"))).toBeUndefined();
  });

  it.each([
    ['{"answer":42}', "valid", undefined],
    ['{"answer":"42"}', "invalid", "schema.type"],
    ["{}", "invalid", "schema.required"],
    ['{"answer":4', "invalid", "not_json"],
    ["The answer is 42.", "invalid", "not_json"],
    ['```json\n{"answer":42}\n```', "invalid", "not_json"],
    ["", "invalid", "not_json"],
  ])("%j is %s", (text, verdict, rule) => {
    const judgement = judge(asked(), said(text));
    expect([judgement?.verdict, judgement?.refusal?.rule]).toEqual([verdict, rule]);
  });

  it("of JSON without a schema is any object or array", () => {
    expect(judge({ kind: "json" }, said('{"a":1}'))?.verdict).toBe("valid");
    expect(judge({ kind: "json" }, said("1"))?.verdict).toBe("invalid");
  });

  it.each([
    ["an integer that another reader may hold", '{"answer":12345678901234567890}'],
    ["a name that stands twice", '{"answer":1,"answer":2}'],
    ["a nesting that another reader may follow", `{"answer":1,"x":${"[".repeat(200)}${"]".repeat(200)}}`],
  ])("is left unjudged for %s", (_what, text) => {
    expect(judge(asked(), said(text))).toEqual({ verdict: "unchecked" });
  });

  it("is left unjudged for a schema with keywords that are not supported", () => {
    expect(judge(asked({ unevaluatedProperties: false }), said("{}"))).toEqual({ verdict: "unchecked" });
  });

  it("is left unjudged where the reply refuses or calls a tool", () => {
    expect(judge(asked(), choice({ kind: "refusal", text: "No." }))?.verdict).toBe("unchecked");
    const call = { kind: "tool_call", id: "1", name: "f", arguments: "{}" } as const;
    expect(judge(asked(), choice(call))?.verdict).toBe("unchecked");
  });

  it("is broken by one choice of several", () => {
    expect(judge(asked(), said('{"answer":1}'), said('{"answer":2}'))?.verdict).toBe("valid");
    expect(judge(asked(), said('{"answer":1}'), choice({ kind: "refusal", text: "No." }))?.verdict).toBe("unchecked");
    expect(judge(asked(), choice({ kind: "refusal", text: "No." }), said("{}"))?.verdict).toBe("invalid");
  });
});

describe("the form of a stream", () => {
  const streamed = (...pieces: readonly StreamEvent[]) => {
    const form = new StreamedForm(forms, asked());
    for (const piece of pieces) form.note(piece);
    return form.judge().verdict;
  };
  const text = (words: string, at = 0): StreamEvent => ({ kind: "text", choice: at, text: words });

  it("is that of its pieces together, choice by choice", () => {
    expect(streamed(text('{"ans'), text('{"answer"', 1), text('wer":1}'), text(":2}", 1))).toBe("valid");
    expect(streamed(text('{"ans'), text('{"answer":2}', 1))).toBe("invalid");
  });

  it("is broken where nothing was said, and unjudged where something else was", () => {
    expect(streamed({ kind: "finish", choice: 0, finish: "length" })).toBe("invalid");
    expect(streamed({ kind: "refusal", choice: 0, text: "No." }, { kind: "finish", choice: 0, finish: "stop" })).toBe(
      "unchecked",
    );
    expect(streamed({ kind: "tool_start", choice: 0, slot: 0, id: "1", name: "f" }, text("..."))).toBe("unchecked");
    expect(streamed()).toBe("unchecked");
  });

  it("is not gathered beyond what would be read", () => {
    const piece = text("x".repeat(600_000));
    expect(streamed(piece, piece, piece)).toBe("unchecked");
  });
});
