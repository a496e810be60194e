// The predecessor's deliberation: a question that is thought about in several ways under a watchdog, and the state of the host
// that it is thought on.
import type { FastifyInstance } from "fastify";
import {
  answerModes,
  branchNames,
  cognitiveModes,
  fallbackReasons,
  maxDepth,
  thermalStates,
} from "../../deliberation/index.ts";
import { route } from "../route.ts";
import { answer, record } from "../schemas.ts";
import type { Services } from "../services.ts";
import { callHeaders, callOptions, callRefusals } from "./chat.ts";

const text = { type: "string" };
const integer = { type: "integer", minimum: 0 };
const depth = { type: "integer", minimum: 0, maximum: maxDepth };
const share = { type: "number", minimum: 0, maximum: 1 };
const flag = { type: "boolean" };
const siliconId = { type: "string", pattern: "^[0-9a-f]{16}$", description: "The host, as 16 digits of a hash." };
const orNull = (schema: { readonly type: string }, description: string): object => ({
  ...schema,
  type: [schema.type, "null"],
  description,
});
const heat = { enum: [...thermalStates, null], description: "Null when the host has no thermal sensor." };
const tokens = orNull(integer, "Null when a provider did not say.");
const cost = orNull(integer, "Integer micro-dollars; null when a price is unknown.");

/** The predecessor's defaults. */
const defaults = { temperature: 0.7, maxTokens: 500 };

const question = record(
  {
    prompt: { type: "string", minLength: 1, maxLength: 10_000 },
    temperature: { type: "number", minimum: 0, maximum: 2, default: defaults.temperature },
    max_tokens: {
      type: "integer",
      minimum: 1,
      maximum: 4096,
      default: defaults.maxTokens,
      description: "Of each call's answer.",
    },
  },
  ["temperature", "max_tokens"],
);

const deliberated = record({
  response: text,
  silicon_id: siliconId,
  consciousness_level: share,
  thermal_state: heat,
  processing_time_ms: integer,
  request_id: text,
  mode: { enum: answerModes, description: "HAK_LOITER when the answer is a fallback." },
  fallback: flag,
  fallback_reason: { enum: [...fallbackReasons, null] },
  cognitive_mode: { enum: cognitiveModes },
  temperature: { ...share, description: "The caller's, or the mode's where that is lower." },
  max_depth: depth,
  branches: {
    type: "array",
    items: record({
      name: { enum: branchNames },
      finished: flag,
      problem: orNull(text, "A code, or `late`; null when it finished."),
      depth,
      calls: integer,
      tokens,
      cost_microdollars: cost,
      refused_parts: { ...integer, description: "Lists of sub-questions that were refused as data." },
    }),
  },
  calls: integer,
  max_calls: integer,
  call_intents: { type: "array", items: integer, description: "Ledger indexes of the answered calls' intents." },
  tokens,
  cost_microdollars: cost,
  receipt: { $ref: "Receipt#" },
});

const state = record({
  silicon_id: siliconId,
  consciousness_level: share,
  love_frequency: { type: "number", minimum: 0 },
  thermal_state: heat,
  cognitive_mode: { enum: cognitiveModes },
  active_since: { type: "string", format: "date-time" },
  vitals: record({
    cpu_pressure: orNull({ type: "number" }, "0 to 1."),
    memory_pressure: orNull({ type: "number" }, "0 to 1."),
    event_loop_delay_ms: orNull({ type: "number" }, "Mean lateness of the event loop's timers."),
    soc_celsius: orNull({ type: "number" }, "The hottest thermal zone."),
    battery_fraction: orNull({ type: "number" }, "0 to 1."),
    plugged: orNull(flag, "Whether the host runs on mains."),
    watts: orNull({ type: "number" }, "What the batteries give."),
  }),
});

interface Asked {
  readonly prompt: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
}

/** `/api/v1/consciousness/process` and `/api/v1/consciousness/state`. */
export function consciousnessRoutes(app: FastifyInstance, services: Services): void {
  route(app, services, "consciousness.process", {
    schema: {
      summary: "Deliberate a question: several ways of thinking, weighed under a watchdog",
      description:
        "The outcome's digest in the ledger is SHA-256 over the canonical JSON (RFC 8785) of the answer without `receipt`.",
      headers: callHeaders,
      body: question,
      response: { 200: answer("The answer, which may be a fallback.", deliberated), ...callRefusals },
    },
    handle: async (ctx, request, reply) => {
      // The watchdog ends it; a connection may be silent until then.
      request.raw.socket.setTimeout(0);
      const { prompt, temperature = defaults.temperature, maxTokens = defaults.maxTokens } = request.body as Asked;
      const asked = { prompt, temperature, maxTokens };
      const given = await services.deliberation.process(ctx, asked, callOptions(request));
      void reply.headers({
        "x-charter-decision": "allow",
        "x-charter-intent": given.receipt.intentIndex,
        "x-charter-outcome": given.receipt.outcomeIndex,
        "x-charter-cost-microdollars": given.cost_microdollars ?? "unknown",
      });
      return given;
    },
  });

  route(app, services, "consciousness.state", {
    schema: {
      summary: "The host that deliberates: its measured vitals and the mode that they select",
      response: { 200: answer("The state; null where the host has no sensor, and for callers of a product.", state) },
    },
    handle: (ctx) => services.deliberation.state(ctx),
  });
}
