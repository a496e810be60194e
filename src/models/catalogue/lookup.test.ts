// What the names of models stand for: listed models, models of open providers, tiers, tags, and the router's own choice.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../../constitution/index.ts";
import { strategies } from "../../routing/strategy.ts";
import type { Deployment } from "./catalogue.ts";
import { readCatalogue } from "./catalogue-file.ts";
import { Lookup } from "./lookup.ts";
import type { Wanted } from "./lookup.ts";
import { simulatedDeployments } from "./simulated.ts";

const { tiers } = loadConstitution(defaultConstitutionDir()).data.gateway;

const provider = (more: object) => ({
  kind: "openai-compatible",
  baseUrl: "http://127.0.0.1:9",
  keyless: true,
  ...more,
});
const row = (name: string, of: string, model: string, more: object = {}) => ({
  name,
  tier: 2,
  provider: of,
  model,
  latencyMs: 100,
  compliancePercent: 90,
  ...more,
});

const catalogue = {
  providers: {
    near: provider({}),
    far: provider({ open: true, modelPrefixes: ["far-", "o1"] }),
    away: provider({ keyless: false, keys: [{ env: "AWAY_KEY" }], open: true, modelPrefixes: ["away-"] }),
  },
  deployments: [
    row("sea", "near", "org/sea-7b", { tags: ["cheap"] }),
    row("sea-far", "far", "org/sea-7b", { tier: 3 }),
    row("moon", "away", "moon-1", { tier: 4 }),
    row("vectors", "near", "vec-1", { serves: "embeddings", tier: 1 }),
    row("far-vectors", "away", "vec-2", { serves: "embeddings", tier: 1 }),
  ],
};

/** Whether the keys are there, whether the built-in models are, and which others are known to exist. */
function lookupOf({ keys = false, simulated = false, known = [] as string[] } = {}): Lookup {
  const secrets = { variable: () => (keys ? "key" : undefined), file: () => undefined };
  const contents = readCatalogue("cat.json", JSON.stringify(catalogue), secrets);
  const isKnown = ({ model }: Deployment): boolean => known.includes(model);
  return new Lookup(contents, simulated ? simulatedDeployments(tiers) : [], tiers, isKnown);
}

const lookup = lookupOf({ keys: true });
const named = (wanted: Wanted | undefined): string[] | undefined =>
  wanted?.kind === "named" ? wanted.deployments.map(({ name }) => name) : undefined;
const find = (name: string, from = lookup) => from.find(name, "chat");

describe("a name", () => {
  it.each([
    ["sea", ["sea"]],
    ["org/sea-7b", ["sea", "sea-far"]],
    ["near/org/sea-7b", ["sea"]],
    ["far/org/sea-7b", ["sea-far"]],
    ["moon", ["moon"]],
    ["moon-1", ["moon"]],
    ["away/moon-1", ["moon"]],
  ])("that is listed stands for what has it, by name, model, or provider and model: %s", (name, expected) => {
    expect(named(find(name))).toEqual(expected);
  });

  it.each([
    ["far/some/model:free", "far", "some/model:free"],
    ["far/sea", "far", "sea"],
    ["far-new-model", "far", "far-new-model"],
    ["o1-mini", "far", "o1-mini"],
    ["away-2", "away", "away-2"],
  ])("that only an open provider has, stands for the model there: %s", (name, owner, model) => {
    const wanted = find(name);
    if (wanted?.kind !== "named") throw new Error("the name stands for nothing");
    expect(wanted.deployments).toHaveLength(1);
    // Nothing is known of it but what its family says: the terms of the strongest tier, no price.
    expect(wanted.deployments[0]).toMatchObject({
      name: `${owner}/${model}`,
      provider: { name: owner },
      model,
      tier: 5,
      price: null,
      contextTokens: model === "o1-mini" ? 128_000 : null,
      compliancePercent: 82,
    });
  });

  it.each(["near/unheard", "nobody/sea", "unheard", "far/", "/sea", "far", "", " sea", "SEA", "sea/", "/", "//"])(
    "that nothing has stands for nothing: %j",
    (name) => {
      expect(find(name)).toBeUndefined();
    },
  );

  it.each([
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "near/__proto__",
    "__proto__/sea",
    "tier:__proto__",
  ])("that every object has stands for nothing: %s", (name) => {
    for (const serves of ["chat", "embeddings"] as const) expect(lookup.find(name, serves)).toBeUndefined();
  });

  it("may be 256 characters long and no longer", () => {
    expect(named(find(`far/${"m".repeat(252)}`))).toHaveLength(1);
    expect(find(`far/${"m".repeat(253)}`)).toBeUndefined();
    expect(find(`far-${"m".repeat(1_000_000)}`)).toBeUndefined();
    expect(find(`tag:${"m".repeat(253)}`)).toBeUndefined();
  });

  it("is looked up without ever failing, and never goes to a provider that is closed and does not list it", () => {
    const piece = fc.constantFrom(
      "near",
      "far",
      "away",
      "/",
      "..",
      "tier:",
      "tag:",
      "auto",
      "%2f",
      "\n",
      "\u0000",
      "7b",
    );
    const name = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(piece, { maxLength: 6 }).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(name, fc.constantFrom("chat" as const, "embeddings" as const), (text, serves) => {
        const wanted = lookup.find(text, serves);
        if (wanted?.kind !== "named") return;
        for (const deployment of wanted.deployments) {
          expect(deployment.serves).toBe(serves);
          const listed = lookup.deployments.includes(deployment);
          expect(listed || deployment.provider.open).toBe(true);
          if (!listed) expect([text, text.slice(deployment.provider.name.length + 1)]).toContain(deployment.model);
        }
      }),
    );
  });

  it("of a model for embeddings is none of a chat, and the other way round", () => {
    expect(find("vectors")).toBeUndefined();
    expect(named(lookup.find("vectors", "embeddings"))).toEqual(["vectors"]);
    expect(lookup.find("sea", "embeddings")).toBeUndefined();
    expect(lookup.find("far/vec-9", "embeddings")).toMatchObject({ deployments: [{ serves: "embeddings" }] });
  });
});

describe("a choice that is left to the router", () => {
  it("is any model, with the strategy that the name says", () => {
    expect(find("auto")).toEqual({ kind: "any" });
    for (const strategy of strategies) {
      expect(find(strategy)).toEqual({ kind: "any", strategy });
      expect(find(`auto:${strategy}`)).toEqual({ kind: "any", strategy });
    }
    expect(find("auto:unheard")).toBeUndefined();
    expect(find("Auto")).toBeUndefined();
  });

  it("is a tier by number or by name", () => {
    for (const { tier, name } of tiers) {
      expect(find(`tier:${tier}`)).toEqual({ kind: "tier", tier });
      expect(find(`tier:${name}`)).toEqual({ kind: "tier", tier });
    }
    for (const word of ["0", "6", "", "01", "1.0", "Nano", "2 "]) expect(find(`tier:${word}`)).toBeUndefined();
  });

  it("is a tag that some deployment has", () => {
    expect(find("tag:cheap")).toEqual({ kind: "tag", tag: "cheap" });
    expect(find("tag:nobody-has-it")).toBeUndefined();
  });

  it("does not exist for embeddings: vectors of different models cannot be compared", () => {
    for (const name of ["auto", "balanced", "tier:1", "tag:cheap"]) {
      expect(lookup.find(name, "embeddings")).toBeUndefined();
    }
  });
});

describe("the built-in models", () => {
  const simulating = lookupOf({ simulated: true });

  it("stand in, in its tier and with a note, for a listed model whose provider has no key", () => {
    expect(find("moon", simulating)).toEqual({
      kind: "tier",
      tier: 4,
      note: "away is not configured (no key: AWAY_KEY is not set), so the built-in simulation answers",
    });
  });

  it("stand in for an unlisted model of such a provider that is known to exist, and the router then chooses; for no other", () => {
    const knowing = lookupOf({ simulated: true, known: ["away-2", "new"] });
    expect(find("away-2", knowing)).toEqual({ kind: "any", note: expect.stringContaining("away is not configured") });
    expect(find("away/new", knowing)).toEqual({ kind: "any", note: expect.stringContaining("AWAY_KEY") });
    expect(find("away-3", knowing)).toBeUndefined();
    expect(find("away/newer", knowing)).toBeUndefined();
  });

  it("stand in for its embeddings", () => {
    expect(named(simulating.find("vec-2", "embeddings"))).toEqual(["simulated-embedding"]);
  });

  it("leave a model alone that somebody can answer", () => {
    expect(named(find("sea", simulating))).toEqual(["sea"]);
    expect(named(find("org/sea-7b", simulating))).toEqual(["sea", "sea-far"]);
    expect(named(find("far/new", simulating))).toEqual(["far/new"]);
    expect(named(find("moon", lookupOf({ keys: true, simulated: true })))).toEqual(["moon"]);
  });

  it("do not stand in where they are not in force: the model is named, and lacks its key", () => {
    expect(find("moon", lookupOf())).toMatchObject({
      kind: "named",
      deployments: [{ name: "moon", provider: { lacks: "no key: AWAY_KEY is not set" } }],
    });
  });

  it("can be named, and say what they are", () => {
    expect(named(find("simulated-expert", simulating))).toEqual(["simulated-expert"]);
    for (const deployment of simulatedDeployments(tiers)) {
      expect(deployment.note).toMatch(/simulated/i);
      expect(deployment).toMatchObject({ title: expect.stringMatching(/^Simulated /), provider: { lacks: undefined } });
    }
  });

  it("are one for each tier and one for embeddings", () => {
    const built = simulatedDeployments(tiers);
    expect(built.map(({ serves, tier }) => `${serves} ${tier}`)).toEqual([
      ...tiers.map(({ tier }) => `chat ${tier}`),
      "embeddings 1",
    ]);
  });
});
