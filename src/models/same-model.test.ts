import { describe, expect, it } from "vitest";
import { isSameModel } from "./same-model.ts";

describe("two names", () => {
  it.each([
    ["gpt-5", "gpt-5-2025-08-07"],
    ["gpt-4o", "gpt-4o-latest"],
    ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929"],
    ["anthropic/claude-sonnet-4.5", "anthropic/claude-4.5-sonnet-20250929"],
    ["models/gemini-2.5-flash", "gemini-2.5-flash"],
    ["gpt-3.5-turbo", "gpt-3.5-turbo-0125"],
  ])("%s and %s are of one model", (left, right) => {
    expect(isSameModel(left, right)).toBe(true);
    expect(isSameModel(right, left)).toBe(true);
  });

  it.each([
    ["gpt-5", "gpt-5-mini"],
    ["gpt-5", "gpt-5.1"],
    ["claude-opus-4-5", "claude-sonnet-4-5"],
    ["google/gemma", "google/gemma:free"],
  ])("%s and %s are of two", (left, right) => {
    expect(isSameModel(left, right)).toBe(false);
  });
});
