import { describe, expect, it } from "vitest";
import { parseLossless } from "../kernel/json-exact.ts";
import { thoughtLimitsIn, thoughtTokensOf } from "./thought.ts";

describe("the tokens of thought that a body asks for", () => {
  it.each([
    [{ thinking_budget: 100_000 }],
    [{ thinkingBudget: 100_000 }],
    [{ thinking: { type: "enabled", budget_tokens: 100_000 } }],
    [{ thinking: 100_000 }],
    [{ reasoning: { max_tokens: 100_000 } }],
    [{ Reasoning: { deep: [{ anything: 99_999.5 }] } }],
    [{ thinking_config: { thinkingBudget: 100_000 } }],
    [{ chat_template_kwargs: { thinking_budget: 100_000 } }],
    [{ chat_template_kwargs: { deep: { Max_Reasoning: 100_000, date: 20_261_130 } } }],
  ])("are found in every place and spelling: %j", (raw) => {
    expect(thoughtTokensOf(raw)).toBe(100_000);
  });

  it("are no count where a number has more digits than a double", () => {
    for (const text of ["50000.000000000000000001", "5e22"]) {
      const raw = parseLossless(`{"chat_template_kwargs":{"thinking_budget":${text}}}`) as Record<string, unknown>;
      expect([...thoughtLimitsIn(raw)]).toMatchObject([
        { at: "/chat_template_kwargs/thinking_budget", isCount: false },
      ]);
    }
  });

  it("are none where nothing is limited", () => {
    const raw = { thinking: { type: "adaptive" }, reasoning: { effort: "high" }, chat_template_kwargs: { year: 2026 } };
    expect(thoughtTokensOf({ ...raw, seed: 5, reasoning_effort: "low" })).toBe(0);
    expect([...thoughtLimitsIn(raw)]).toEqual([]);
  });
});
