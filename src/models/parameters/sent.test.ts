// The last look at what is sent.
import { describe, expect, it } from "vitest";
import { readCatalogue } from "../catalogue/index.ts";
import { assertSent } from "./sent.ts";

const { deployments } = readCatalogue(
  "cat.yaml",
  `
providers:
  up: { kind: openai-compatible, baseUrl: "http://up.test", keyless: true }
  gem: { kind: gemini, baseUrl: "http://gem.test", keyless: true }
deployments:
  - { name: a, tier: 1, provider: up, model: m, latencyMs: 1, compliancePercent: 99 }
  - { name: b, tier: 1, provider: gem, model: models/g, latencyMs: 1, compliancePercent: 99 }
`,
  { variable: () => undefined, file: () => undefined },
);
const [chat, gemini] = [deployments[0]!, deployments[1]!];
const wire = (body: Record<string, unknown>, path = "/chat/completions") => ({ path, headers: {}, body });

describe("a request", () => {
  it("for the model that was decided passes", () => {
    expect(() => assertSent(wire({ model: "m", service_tier: "auto" }), chat, {})).not.toThrow();
    expect(() => assertSent(wire({ model: "m", service_tier: "flex" }), chat, { tier: "flex" })).not.toThrow();
    expect(() => assertSent(wire({ contents: [] }, "/models/g:generateContent"), gemini, {})).not.toThrow();
  });

  it.each([[{ model: "n" }], [{}], [{ model: "m", Model: "n" }], [{ model: "m", _model: "m" }], [{ model: ["m"] }]])(
    "for another one is stopped: %j",
    (body) => {
      expect(() => assertSent(wire(body), chat, {})).toThrow("another model");
    },
  );

  it("of another path or with a model of its own is stopped at Gemini", () => {
    expect(() => assertSent(wire({}, "/models/h:generateContent"), gemini, {})).toThrow("another model");
    expect(() => assertSent(wire({ model: "g" }, "/models/g:generateContent"), gemini, {})).toThrow("another model");
  });

  it("for a service that nothing was reserved for is stopped", () => {
    for (const body of [
      { service_tier: "priority" },
      { serviceTier: "flex" },
      { speed: "fast" },
      { inference_geo: "us" },
    ]) {
      expect(() => assertSent(wire({ model: "m", ...body }), chat, {})).toThrow("not priced");
    }
  });
});
