// What a text would come to where a model's answer is used as data, or where a third party's words reach a model. Nothing is
// kept, and nothing of the text comes back but its safe value.
import type { FastifyInstance } from "fastify";
import { injectionSignals, injectionThreshold } from "../../guards/index.ts";
import { parseText, recordReader } from "../../structured-output/index.ts";
import { route } from "../route.ts";
import { answer, record } from "../schemas.ts";
import type { Services } from "../services.ts";

/** Longest text that is looked at, characters. */
const maxTextChars = 262_144;

const text = { type: "string" };
const place = { type: "integer", minimum: 0 };
const share = { type: "number", minimum: 0, maximum: 1 };
const refusals = {
  type: "array",
  items: record({ at: { type: "string", description: "JSON pointer of the field." }, rule: text, reason: text }),
};
const synthesis = record({
  synthesis_reasoning: text,
  action_plan: {
    type: "array",
    items: record({ priority: { type: "integer" }, type: text, issue: text, agent: text }),
  },
});
const signal = record({
  rule: text,
  weight: share,
  start: place,
  end: place,
  severity: { enum: ["LOW", "MEDIUM", "HIGH", "CRITICAL"] },
  detail: text,
});

/** `/validate/synthesis` and `/test/injection`. */
export function validationRoutes(app: FastifyInstance, services: Services): void {
  const records = recordReader();

  route(app, services, "synthesis.validate", {
    schema: {
      summary: "Whether a model's synthesis may be used as data",
      body: {
        ...record({ text: { type: "string", maxLength: maxTextChars }, object: { type: "object" } }, [
          "text",
          "object",
        ]),
        minProperties: 1,
        maxProperties: 1,
      },
      response: {
        200: answer(
          "The synthesis, or what is wrong with it.",
          record({ valid: { type: "boolean" }, value: synthesis, refusals }, ["value", "refusals"]),
        ),
      },
    },
    handle: (_ctx, request) => {
      const { text, object } = request.body as { readonly text?: string; readonly object?: object };
      return records.checkSynthesis(text ?? object ?? "");
    },
  });

  route(app, services, "injection.test", {
    schema: {
      summary: "Signals of injection in a text: orders to a model, and attacks on what its answer is put into",
      body: record({ text: { type: "string", maxLength: maxTextChars } }),
      response: {
        200: answer(
          "The signals, and what plain text is refused for.",
          record({
            score: share,
            threshold: share,
            flagged: { type: "boolean" },
            signals: { type: "array", items: signal },
            refusals,
          }),
        ),
      },
    },
    handle: async (_ctx, request) => {
      const { text } = request.body as { readonly text: string };
      const { score, signals } = await injectionSignals(text);
      const parsed = parseText(text, "plain-text");
      return {
        score,
        threshold: injectionThreshold,
        flagged: score >= injectionThreshold,
        signals,
        refusals: parsed.valid ? [] : parsed.refusals,
      };
    },
  });
}
