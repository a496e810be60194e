// Names of models that say more than which model.
import { describe, expect, it } from "vitest";
import { effectsOfModelName } from "./model-names.ts";

describe("a made-up name of a model", () => {
  it.each([
    ["openai/gpt-5:online", ["tools", "price"]],
    ["openai/gpt-5:nitro", ["place"]],
    ["openai/gpt-5:Floor", ["place"]],
    ["openai/gpt-5：exacto", ["place"]],
    ["meta-llama/llama-3:sambanova", ["place"]],
    ["google/gemma:free", ["retention"]],
    ["google/gemma:free:online", ["retention", "tools", "price"]],
    ["openrouter/auto", ["model"]],
    ["auto", ["model"]],
    ["model-router-2025-11-18", ["model"]],
    ["openai/gpt-5,anthropic/claude-opus-4.5", ["model"]],
    ["openai/gpt-5@preset/mine", ["model"]],
    ["@preset/mine", ["model"]],
    ["accounts/a/models/m#accounts/b/deployments/d", ["place"]],
    ["m?region=us", ["place"]],
  ])("that is %s changes %j", (name, effects) => {
    expect(effectsOfModelName(name)).toEqual(effects);
  });

  it.each([
    "gpt-5",
    "qwen3:4b",
    "openai/gpt-5:thinking",
    "claude-sonnet-4@20250514",
    "kwaipilot/kat-coder-auto",
    "hf.co/a/b:Q4_K_M",
  ])("that is %s changes nothing else", (name) => {
    expect(effectsOfModelName(name)).toEqual([]);
  });
});
