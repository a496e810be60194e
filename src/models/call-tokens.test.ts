// Holds the count in turns to the count in one go.
import { describe, expect, it } from "vitest";
import { inputTokensOf, tokensOfReply } from "./call-facts.ts";
import { inputTokensInTurns, replyTokensInTurns } from "./call-tokens.ts";
import type { Part } from "./conversation.ts";
import { openaiChatFront } from "./openai-chat/dialect.ts";

/** As many tokens as the whole has, and at most one more for each 32 KiB of a text that is cut. */
function expectAlike(inTurns: number, atOnce: number): void {
  expect(inTurns).toBeGreaterThanOrEqual(atOnce);
  expect(inTurns).toBeLessThanOrEqual(atOnce + 20);
}

describe("the tokens of a long call", () => {
  it.each([
    ["many messages", { messages: Array.from({ length: 5000 }, (_, i) => ({ role: "user", content: `word ${i}` })) }],
    ["a long text", { messages: [{ role: "user", content: "words ὀ".repeat(30_000) }] }],
    [
      "results and calls of tools",
      {
        messages: [
          { role: "user", content: "x" },
          {
            role: "assistant",
            tool_calls: [
              { id: "c", type: "function", function: { name: "f", arguments: `{"a":"${"x".repeat(90_000)}"}` } },
            ],
          },
          { role: "tool", tool_call_id: "c", content: "word ".repeat(20_000) },
        ],
      },
    ],
    [
      "tools, a form and unknown fields",
      {
        messages: [{ role: "user", content: "x" }],
        tools: [{ type: "function", function: { name: "f", parameters: { description: "y".repeat(50_000) } } }],
        response_format: { type: "json_schema", json_schema: { name: "n", schema: { title: "z".repeat(50_000) } } },
        unknown: ["word ".repeat(10_000), { more: 1 }],
      },
    ],
  ])("are those of the whole, with %s", async (_name, fields) => {
    const call = openaiChatFront.readCall({ model: "m", ...fields });
    expectAlike(await inputTokensInTurns(call), inputTokensOf(call));
  });

  it("of a long reply are those of the whole", async () => {
    const parts: readonly Part[] = [
      { kind: "text", text: "words ".repeat(30_000) },
      { kind: "tool_call", id: "c", name: "f", arguments: "x".repeat(90_000) },
    ];
    const reply = { id: "i", model: "m", choices: [{ parts, finish: "stop" as const }], rawUsage: null, usage: null };
    expectAlike(await replyTokensInTurns(reply), tokensOfReply(reply));
  });
});
