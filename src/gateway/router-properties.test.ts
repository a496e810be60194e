// What holds of the routing whatever the catalogue, the terms and the call: above all, that nothing which the terms exclude is
// ever a candidate.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deployment, provider, request, termsOf, well } from "../../test/support/gateway/routing.ts";
import { dataClasses } from "../constitution/index.ts";
import type { DataClass } from "../constitution/index.ts";
import type { Deployment } from "../models/catalogue/index.ts";
import { mayCall, route } from "./router.ts";
import type { Health } from "../deployments/index.ts";
import { strategies } from "../routing/strategy.ts";

describe("patterns of the terms", () => {
  const one = deployment("sea-7b", { model: "org/sea-7b-chat" });

  it.each([
    ["*", true],
    ["sea-7b", true],
    ["org/sea-7b-chat", true],
    ["up/org/sea-7b-chat", true],
    ["sea-*", true],
    ["*-7b", true],
    ["up/*", true],
    ["*/sea-*", true],
    ["u*/o*/s*t", true],
    ["**", true],
    ["sea*7b", true],
    ["sea-7b*", true],
    ["sea", false],
    ["SEA-7b", false],
    ["sea-7b-", false],
    ["sea-7b*b", false],
    ["ea-*", false],
    ["*-7", false],
    ["down/*", false],
    ["sea.7b", false],
    ["", false],
  ])("%j lists a model called sea-7b: %j", (pattern, expected) => {
    expect(mayCall({ maxTier: 5, models: [pattern] }, one)).toBe(expected);
  });

  it("need their words in order and apart: no character counts twice", () => {
    const called = (name: string): Deployment => deployment(name, { model: name });
    expect(mayCall({ maxTier: 5, models: ["aba*aba"] }, called("ababa"))).toBe(false);
    expect(mayCall({ maxTier: 5, models: ["aba*aba"] }, called("abaaba"))).toBe(true);
    expect(mayCall({ maxTier: 5, models: ["a*b*c"] }, called("acb"))).toBe(false);
    expect(mayCall({ maxTier: 5, models: ["*b*b*"] }, called("b"))).toBe(false);
    expect(mayCall({ maxTier: 5, models: ["*b*b"] }, called("b"))).toBe(false);
    expect(mayCall({ maxTier: 5, models: ["a*bc*c"] }, called("abc"))).toBe(false);
  });

  it("are any of a list, and none of an empty one", () => {
    expect(mayCall({ maxTier: 5, models: ["no", "sea-7b"] }, one)).toBe(true);
    expect(mayCall({ maxTier: 5, models: [] }, one)).toBe(false);
    expect(mayCall({ maxTier: 2, models: ["*"] }, one)).toBe(false);
  });

  it("mean what a regular expression with the stars as `.*` means, and take no time for hostile ones", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
    const pattern = fc.array(letters, { minLength: 1, maxLength: 4 }).map((words) => words.join("*"));
    fc.assert(
      fc.property(pattern, letters, (text, name) => {
        const expression = new RegExp(`^${text.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
        const called = deployment(name, { model: name, provider: { ...provider, name: "-" } });
        const expected = expression.test(name) || expression.test(`-/${name}`);
        expect(mayCall({ maxTier: 5, models: [text] }, called)).toBe(expected);
      }),
    );
    const hostile = deployment("a".repeat(200), { model: "a".repeat(200) });
    expect(mayCall({ maxTier: 5, models: [`${"a*".repeat(100)}b`] }, hostile)).toBe(false);
  });
});

describe("routing, whatever the call", () => {
  const percent = fc.integer({ min: 0, max: 100 });
  const dataClass = fc.constantFrom<DataClass>(...dataClasses);
  const anyPrice = fc.option(
    fc.record({ inputMicrodollarsPerMillion: fc.nat(), outputMicrodollarsPerMillion: fc.nat() }),
  );
  const anyDeployment = fc
    .record({
      name: fc.stringMatching(/^[ab]{1,3}$/),
      tier: fc.integer({ min: 1, max: 5 }),
      compliancePercent: percent,
      latencyMs: fc.integer({ min: 1, max: 2000 }),
      price: anyPrice,
      contextTokens: fc.option(fc.integer({ min: 1, max: 400 })),
      images: fc.boolean(),
      tools: fc.boolean(),
      tags: fc.subarray(["eu", "fast"]),
      serves: fc.constantFrom("chat" as const, "embeddings" as const),
      goesTo: dataClass,
    })
    .map(({ name, goesTo, ...more }) => deployment(name, { ...more, provider: { ...provider, maxDataClass: goesTo } }));
  const all = fc.uniqueArray(anyDeployment, { selector: ({ name }) => name, maxLength: 8 });
  const health = fc.record({
    state: fc.constantFrom<Health["state"]>("configured", "unconfigured", "degraded", "open"),
    success: fc.double({ min: 0, max: 1, noNaN: true }),
    load: fc.double({ min: 0, max: 1, noNaN: true }),
    latencyMs: fc.option(fc.double({ min: 0, max: 5000, noNaN: true })),
  });
  const healths = fc.array(health, { minLength: 14, maxLength: 14 });
  const terms = fc
    .record({
      maxTier: fc.integer({ min: 1, max: 5 }),
      models: fc.array(fc.constantFrom("*", "a*", "*b", "up/*", "ab", "b"), { maxLength: 2 }),
      maxDataClass: dataClass,
      floor: percent,
    })
    .map(({ floor, ...own }) => termsOf(own, floor));
  const wanted = fc.constantFrom("any" as const, "tier" as const, "tag" as const, "named" as const);
  const setting = fc
    .record({
      all,
      healths,
      terms,
      wanted,
      tier: fc.integer({ min: 1, max: 5 }),
      level: fc.integer({ min: 1, max: 5 }),
      strategy: fc.constantFrom(...strategies),
      dataClass,
      inputTokens: fc.nat({ max: 500 }),
      needsImages: fc.boolean(),
      needsTools: fc.boolean(),
    })
    .map(({ all: deployments, healths: states, terms: limits, wanted: kind, tier, ...more }) => {
      const names = ["a", "b"].flatMap((x) => [x, `${x}a`, `${x}b`]);
      const of = (one: Deployment): Health => states[names.indexOf(one.name.slice(0, 2))] ?? well;
      const named = deployments.slice(0, 2);
      const asked = {
        any: { kind: "any" },
        tier: { kind: "tier", tier },
        tag: { kind: "tag", tag: "eu" },
        named: { kind: "named", deployments: named },
      } as const;
      return { deployments, of, limits, asked: request({ ...more, wanted: asked[kind] }) };
    });

  it("never makes a candidate of what the terms, the data's class, the floor or the call's needs exclude", () => {
    fc.assert(
      fc.property(setting, ({ deployments, of, limits, asked }) => {
        for (const { deployment: one } of route(asked, deployments, of, limits).candidates) {
          expect(mayCall(limits.terms, one)).toBe(true);
          for (const allowed of [limits.terms.maxDataClass, one.provider.maxDataClass]) {
            expect(dataClasses.indexOf(asked.dataClass)).toBeLessThanOrEqual(dataClasses.indexOf(allowed));
          }
          expect(one.compliancePercent).toBeGreaterThanOrEqual(limits.complianceFloorPercent);
          expect(one.serves).toBe(asked.serves);
          expect(one.images || !asked.needsImages).toBe(true);
          expect(one.tools || !asked.needsTools).toBe(true);
          expect(asked.inputTokens).toBeLessThan(one.contextTokens ?? Number.POSITIVE_INFINITY);
          expect(["configured", "degraded"]).toContain(of(one).state);
          if (asked.wanted.kind === "tag") expect(one.tags).toContain(asked.wanted.tag);
          if (asked.wanted.kind === "named") expect(asked.wanted.deployments).toContain(one);
        }
      }),
    );
  });

  it("answers the same for the same, in whatever order the catalogue stands", () => {
    fc.assert(
      fc.property(setting, ({ deployments, of, limits, asked }) => {
        const routed = route(asked, deployments, of, limits);
        expect(route(asked, deployments, of, limits)).toEqual(routed);
        const turned = route(asked, deployments.toReversed(), of, limits);
        expect(turned.candidates).toEqual(routed.candidates);
        expect(new Set(turned.excluded)).toEqual(new Set(routed.excluded));
      }),
    );
  });

  it("accounts for everything: whatever serves the call is a candidate or excluded for a reason, and not both", () => {
    fc.assert(
      fc.property(setting, ({ deployments, of, limits, asked }) => {
        const pool = asked.wanted.kind === "named" ? asked.wanted.deployments : deployments;
        const { candidates, excluded } = route(asked, deployments, of, limits);
        const told = [...candidates, ...excluded].map((each) => each.deployment.name).sort();
        expect(told).toEqual(
          pool
            .filter(({ serves }) => serves === asked.serves)
            .map(({ name }) => name)
            .sort(),
        );
        for (const { reason } of excluded) expect(reason).not.toBe("");
      }),
    );
  });

  it("goes up before it goes down, nearest first, and by falling score within a tier", () => {
    const place = (tier: number, from: number): number => (tier >= from ? tier - from : 10 + from - tier);
    fc.assert(
      fc.property(setting, ({ deployments, of, limits, asked }) => {
        const { candidates, tier } = route(asked, deployments, of, limits);
        for (const [i, after] of candidates.entries()) {
          const before = candidates[i - 1];
          if (before === undefined) continue;
          const [here, there] = [before, after].map((each) => place(each.deployment.tier, tier));
          if (asked.wanted.kind !== "named") expect(here).toBeLessThanOrEqual(there!);
          if (here === there || asked.wanted.kind === "named") expect(before.score).toBeGreaterThanOrEqual(after.score);
        }
      }),
    );
  });
});
