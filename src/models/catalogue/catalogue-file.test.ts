// Reading a catalogue: what a file may leave out, every problem with its place, and secrets that are never repeated.
import { describe, expect, it } from "vitest";
import { Fault } from "../../kernel/fault.ts";
import { readCatalogue } from "./catalogue-file.ts";
import type { SecretSource } from "./catalogue-file.ts";

const secret = "sk-live-4Xq9wV2nR7tB";
const none: SecretSource = { variable: () => undefined, file: () => undefined };

const smallest = `providers:
  up: { kind: openai-compatible, baseUrl: "http://127.0.0.1:9/v1/", keyless: true }
deployments:
  - { name: sea, tier: 2, provider: up, model: sea-7b, latencyMs: 100, compliancePercent: 90 }
`;

/** What is said against a text, a line each; fails when nothing is. */
function problemsOf(text: string, secrets: SecretSource = none): string[] {
  try {
    readCatalogue("cat.yaml", text, secrets);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    expect(error.code).toBe("catalogue.invalid");
    return error.message.split("\n");
  }
  throw new Error("the catalogue was accepted");
}

/** The smallest catalogue with one passage replaced; fails when the passage is not there. */
function amended(passage: string, replacement: string): string {
  expect(smallest).toContain(passage);
  return smallest.replace(passage, replacement);
}

/** A catalogue whose one provider has keys at places. */
const keyed = (places: string): string => amended("keyless: true", `keys: ${places}`);

describe("a catalogue", () => {
  it("says which of two APIs a provider or a deployment is asked in, where there are two", () => {
    const said = amended("keyless: true", "keyless: true, api: responses").replace("tier: 2", "tier: 2, api: chat");
    const { providers, deployments } = readCatalogue("cat.yaml", said, none);
    expect([providers[0]?.api, deployments[0]?.api]).toEqual(["responses", "chat"]);
    const wrong = amended("kind: openai-compatible", "kind: anthropic, api: chat");
    expect(problemsOf(wrong)).toEqual([expect.stringContaining("a provider of kind anthropic has one API only")]);
  });

  it("needs little: the rest has defaults", () => {
    const { providers, deployments } = readCatalogue("cat.yaml", smallest, none);
    expect(providers).toEqual([
      {
        name: "up",
        kind: "openai-compatible",
        baseUrl: "http://127.0.0.1:9/v1",
        keys: [],
        headers: {},
        priceProvider: "up",
        pricePercent: 100,
        maxDataClass: "confidential",
        open: false,
        modelPrefixes: [],
        connections: 256,
        lacks: undefined,
      },
    ]);
    expect(deployments).toEqual([
      {
        name: "sea",
        title: "sea",
        tier: 2,
        provider: providers[0],
        model: "sea-7b",
        serves: "chat",
        latencyMs: 100,
        compliancePercent: 90,
        price: null,
        contextTokens: null,
        maxOutputTokens: 4096,
        outputLimitField: undefined,
        bounds: {
          imageTokens: 50_000,
          fileTokens: null,
          audioTokensPerSecond: 50,
          overheadTokens: 512,
          unbounded: undefined,
        },
        images: false,
        tools: true,
        tags: [],
        concurrency: 512,
        note: undefined,
      },
    ]);
  });

  it("is the same in JSON as in YAML", () => {
    const row = { name: "sea", tier: 2, provider: "up", model: "sea-7b", latencyMs: 100, compliancePercent: 90 };
    const provider = { kind: "openai-compatible", baseUrl: "http://127.0.0.1:9/v1/", keyless: true };
    const json = JSON.stringify({ providers: { up: provider }, deployments: [row] });
    expect(readCatalogue("cat.json", json, none)).toEqual(readCatalogue("cat.yaml", smallest, none));
  });

  it("may have no deployments at all", () => {
    expect(readCatalogue("cat.yaml", "providers: {}\ndeployments: []\n", none)).toEqual({
      providers: [],
      deployments: [],
    });
  });

  it("keeps a price of nothing apart from no price", () => {
    const free = "{ inputMicrodollarsPerMillion: 0, outputMicrodollarsPerMillion: 0 }";
    const priceIn = (text: string) => readCatalogue("cat.yaml", text, none).deployments[0]?.price;
    expect(priceIn(amended("compliancePercent: 90", `compliancePercent: 90, price: ${free}`))).toEqual({
      inputMicrodollarsPerMillion: 0,
      outputMicrodollarsPerMillion: 0,
    });
    expect(priceIn(amended("compliancePercent: 90", "compliancePercent: 90, price: null"))).toBeNull();
  });
});

describe("what is wrong with a catalogue", () => {
  it.each([
    ["kind: openai-compatible", "kind: openai", /^cat\.yaml:2:15: .*kind must be one of openai-compatible, anthropic/],
    ["keyless: true", "keylees: true", /^cat\.yaml:2:\d+: unknown key "keylees" in .*did you mean "keyless"\?/],
    ["keyless: true", "open: true", /^cat\.yaml:2:\d+: up lacks keys; say keyless: true when it needs none/],
    ['baseUrl: "http://127.0.0.1:9/v1/", ', "", /^cat\.yaml:2:\d+: up lacks a baseUrl/],
    ['"http://127.0.0.1:9/v1/"', '"ftp://127.0.0.1"', /^cat\.yaml:2:\d+: providers\.up\.baseUrl must match/],
    ["  up:", "  UP!:", /^cat\.yaml:2:3: "UP!" is not a possible name in providers/],
    ["provider: up", "provider: pu", /^cat\.yaml:4:37: there is no provider "pu"/],
    ["provider: up", "provider: __proto__", /^cat\.yaml:4:37: there is no provider "__proto__"/],
    ["tier: 2", "tier: 6", /^cat\.yaml:4:24: deployments\.0\.tier must be <= 5/],
    ["tier: 2", "tier: two", /^cat\.yaml:4:24: deployments\.0\.tier must be integer/],
    ["compliancePercent: 90", "compliancePercent: 101", /^cat\.yaml:4:\d+: .*compliancePercent must be <= 100/],
    ["latencyMs: 100, ", "", /^cat\.yaml:4:\d+: deployments\.0 lacks the key "latencyMs"/],
    ["name: sea", "name: a/b", /^cat\.yaml:4:\d+: deployments\.0\.name must match/],
    ["model: sea-7b", 'model: "sea 7b"', /^cat\.yaml:4:\d+: deployments\.0\.model must match/],
    ["deployments:", "providers: {}\ndeployments:", /^cat\.yaml:3:1: .*unique/i],
    ["tier: 2", "tier: 2, tier: 3", /^cat\.yaml:4:\d+: .*unique/i],
    ["model: sea-7b", "model: &m sea-7b, title: *m", /^cat\.yaml:4:\d+: aliases are not allowed/],
    ["providers:", "providers: [", /^cat\.yaml:\d+:\d+: /],
  ])("is said with line and column: %j as %j", (passage, replacement, expected) => {
    expect(problemsOf(amended(passage, replacement))).toContainEqual(expect.stringMatching(expected));
  });

  it("is a name that stands there twice, at the second one", () => {
    const row = smallest.split("\n")[3];
    expect(problemsOf(`${smallest}${row}\n`)).toEqual(['cat.yaml:5:13: "sea" stands here twice']);
  });

  it("is said all at once", () => {
    const text = amended("tier: 2, provider: up", "tier: 9, provider: up, colour: blue").replace(
      "keyless: true",
      "open: 1",
    );
    const problems = problemsOf(text);
    for (const part of ["tier must be <= 5", 'unknown key "colour"', "providers.up.open must be boolean"]) {
      expect(problems).toContainEqual(expect.stringContaining(part));
    }
    const wrong = amended("keyless: true", "open: true").replace("provider: up", "provider: down");
    expect(problemsOf(wrong)).toHaveLength(2);
  });

  it.each(["", "42", "[]", "null", "providers: {}", "\u0000", "providers: !!js/function x\ndeployments: []"])(
    "is found in what is no catalogue: %j",
    (text) => {
      for (const problem of problemsOf(text)) expect(problem).toMatch(/^cat\.yaml:\d+:\d+: \S/);
    },
  );

  it("is found in a text that nests without end, without falling over", () => {
    expect(problemsOf("[".repeat(100_000))).not.toHaveLength(0);
  });
});

describe("keys of providers", () => {
  it("come from variables and files, without the white space around them, in their order", () => {
    const secrets: SecretSource = {
      variable: (name) => (name === "UP_KEY" ? ` ${secret} ` : undefined),
      file: (path) => (path === "/run/secrets/up" ? "second\n" : undefined),
    };
    const text = keyed("[{ env: UP_KEY }, { file: /run/secrets/up }, { env: ABSENT }, { file: /absent }]");
    const [provider] = readCatalogue("cat.yaml", text, secrets).providers;
    expect(provider).toMatchObject({ keys: [secret, "second"], lacks: undefined });
  });

  it("are missing where the variable is unset or empty and the file is not there, and that is said by their names", () => {
    const text = keyed("[{ env: UP_KEY }, { file: /run/secrets/up }]");
    for (const found of [undefined, "", " \n"]) {
      const [provider] = readCatalogue("cat.yaml", text, { variable: () => found, file: () => found }).providers;
      expect(provider).toMatchObject({ keys: [], lacks: "no key: UP_KEY or /run/secrets/up is not set" });
    }
  });

  it("may not stand in the file itself, and one that does is not repeated", () => {
    for (const places of [`["${secret}"]`, `"${secret}"`, `[{ env: "${secret}" }]`, `[{ value: "${secret}" }]`]) {
      const said = problemsOf(keyed(places)).join("\n");
      expect(said).toMatch(/^cat\.yaml:2:\d+: /);
      expect(said).not.toContain(secret);
    }
  });

  it("are in no message, whatever else is wrong with the file or the address", () => {
    const secrets: SecretSource = { variable: () => secret, file: () => secret };
    const wrong = keyed("[{ env: UP_KEY }]").replace("tier: 2", "tier: 9");
    expect(problemsOf(wrong, secrets).join("\n")).not.toContain(secret);
    // The secret stands where the address should.
    const misplaced = keyed("[{ env: UP_KEY }]").replace('"http://127.0.0.1:9/v1/"', "{ env: UP_URL }");
    const [provider] = readCatalogue("cat.yaml", misplaced, secrets).providers;
    expect(provider?.lacks).toBe("its address is no http or https URL");
  });
});

describe("addresses of providers", () => {
  const withUrl = (value: string | undefined) =>
    readCatalogue("cat.yaml", amended('"http://127.0.0.1:9/v1/"', "{ env: UP_URL }"), {
      ...none,
      variable: (name) => (name === "UP_URL" ? value : undefined),
    }).providers[0];

  it.each([
    ["http://127.0.0.1:8001/v1", "http://127.0.0.1:8001/v1", undefined],
    ["https://example.org///", "https://example.org", undefined],
    [undefined, "", "UP_URL is not set"],
    ["", "", "UP_URL is not set"],
    ["127.0.0.1:8001", "127.0.0.1:8001", "its address is no http or https URL"],
    ["file:///etc/passwd", "file:///etc/passwd", "its address is no http or https URL"],
    ["http://", "http:", "its address is no http or https URL"],
  ])("may come from a variable: %j", (value, baseUrl, lacks) => {
    expect(withUrl(value)).toMatchObject({ baseUrl, lacks });
  });

  it("are not needed by the simulated models", () => {
    const text = amended('openai-compatible, baseUrl: "http://127.0.0.1:9/v1/", keyless: true', "simulated");
    expect(readCatalogue("cat.yaml", text, none).providers[0]).toMatchObject({ baseUrl: "", lacks: undefined });
  });
});
