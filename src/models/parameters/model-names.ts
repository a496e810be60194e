// Names of models that say more than which model: which provider of a broker answers, with which tools, or that the broker
// is to choose. They count only where the caller made the name up, at open providers; what the catalogue lists is the
// operator's own choice.
import type { ParameterEffect } from "../../constitution/index.ts";

/** What the words after a colon mean at OpenRouter and at Hugging Face's router; other words are versions. */
const variants: readonly (readonly [words: string, effects: readonly ParameterEffect[]])[] = [
  ["online", ["tools", "price"]],
  ["nitro floor exacto fastest cheapest preferred", ["place"]],
  ["free", ["retention"]],
  [
    "auto black-forest-labs cerebras cohere deepinfra fal-ai featherless-ai fireworks-ai groq hf-inference hyperbolic nebius " +
      "novita nscale openai ovhcloud publicai replicate sambanova scaleway together wavespeed zai-org baseten",
    ["place"],
  ],
];

const variantEffects: ReadonlyMap<string, readonly ParameterEffect[]> = new Map(
  variants.flatMap(([words, effects]) => words.split(" ").map((word) => [word, effects] as const)),
);

/** Models that are routers: they choose another model. */
const router = /^(?:.*\/)?(?:auto|router|model-router|openrouter\/(?:auto|free|fusion|bodybuilder))(?:[-@:].*)?$/;

/** What a made-up name changes other than the model. */
export function effectsOfModelName(name: string): readonly ParameterEffect[] {
  const plain = name.normalize("NFKC").toLowerCase().trim();
  const [base = "", ...words] = plain.split(":");
  const effects = words.flatMap((word) => variantEffects.get(word.trim()) ?? []);
  // A list of models, a preset with its own model.
  if (/[,;|]|@preset/.test(plain) || router.test(base.trim())) effects.push("model");
  // A deployment of its own at Fireworks; a query.
  if (/[#?&]/.test(plain)) effects.push("place");
  return [...new Set(effects)];
}
