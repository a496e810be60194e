import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BoundedNames } from "./bounded-names.ts";
import { attributes, labelName, metrics, operationName, prometheusName } from "./index.ts";
import { providerName } from "../models/index.ts";
import type { MetricName } from "./index.ts";

const all: readonly MetricName[] = Object.values(metrics);

describe("the names of telemetry", () => {
  it("become names of Prometheus by the rule of OpenTelemetry", () => {
    const shown = (name: string, unit: MetricName["unit"], kind: MetricName["kind"]): string =>
      prometheusName({ name, unit, kind, help: "" });
    expect(shown("gen_ai.client.inference.duration", "s", "histogram")).toBe(
      "gen_ai_client_inference_duration_seconds",
    );
    expect(shown("charter.cost.microdollars", "", "counter")).toBe("charter_cost_microdollars_total");
    expect(shown("charter.wait", "s", "counter")).toBe("charter_wait_seconds_total");
    expect(shown("process.memory.usage", "By", "gauge")).toBe("process_memory_usage_bytes");
    expect(shown("charter.load", "1", "gauge")).toBe("charter_load_ratio");
    expect(shown("charter.load", "1", "histogram")).toBe("charter_load");
    expect(shown("some.delay_seconds", "s", "gauge")).toBe("some_delay_seconds");
  });

  it("are different from one another, before and after", () => {
    const names = all.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(all.map(prometheusName)).size).toBe(names.length);
    const keys = Object.values(attributes);
    expect(new Set(keys.map(labelName)).size).toBe(keys.length);
  });

  it("are names that Prometheus takes, each explained in a sentence", () => {
    for (const metric of all) {
      expect(prometheusName(metric)).toMatch(/^[a-z_][a-z0-9_]*$/);
      expect(metric.help).toMatch(/^.+[.]$/);
    }
    for (const key of Object.values(attributes)) expect(labelName(key)).toMatch(/^[a-z][a-z0-9_]*$/);
  });

  it("leave out what the conventions have replaced and whatever holds words of a conversation", () => {
    const names: readonly string[] = [...Object.values(attributes), ...all.map(({ name }) => name)];
    for (const gone of ["gen_ai.system", "gen_ai.client.token.usage", "gen_ai.usage.cache_creation.input_tokens"]) {
      expect(names).not.toContain(gone);
    }
    expect(names.filter((name) => /messages|instructions|prompt|content/.test(name))).toEqual([]);
  });

  it("call providers and operations as the conventions do, and others by their own name", () => {
    expect([providerName("gemini"), providerName("xai"), providerName("nano-vllm")]).toEqual([
      "gcp.gemini",
      "x_ai",
      "nano-vllm",
    ]);
    expect([operationName("embedding.create"), operationName("message.create")]).toEqual(["embeddings", "chat"]);
  });
});

describe("bounded names", () => {
  it("are never more than are known, those that there is room for, and `other`", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string()),
        fc.array(fc.string()),
        fc.integer({ min: 0, max: 5 }),
        (known, asked, room) => {
          const names = new BoundedNames(known, room);
          const given = new Set(asked.map((name) => names.admit(name)));
          given.delete("other");
          expect(known.every((name) => names.find(name) === name && names.admit(name) === name)).toBe(true);
          expect([...given].filter((name) => !known.includes(name)).length).toBeLessThanOrEqual(room);
        },
      ),
    );
  });

  it("stay what they were first: a name that was admitted is never `other` later", () => {
    const names = new BoundedNames(["a"], 1);
    expect(names.find("b")).toBe("other");
    expect(["b", "c", "b", "a"].map((name) => names.admit(name))).toEqual(["b", "other", "b", "a"]);
    expect([names.find("b"), names.find("c")]).toEqual(["b", "other"]);
  });
});
