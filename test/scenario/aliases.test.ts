// Other names of models, and who answers where a named model cannot: of a product and of a key.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { questions, startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
beforeAll(async () => {
  rig = await startRig({
    providers: ({ url }) => ({
      bare: { kind: "openai-compatible", baseUrl: `${url}/v1`, keys: [{ env: "NO_SUCH_VARIABLE" }] },
    }),
    deployments: [
      { name: "first", model: "ok-first" },
      { name: "second", model: "ok-second" },
      { name: "third", model: "ok-third", tier: 5 },
      { name: "failing", model: "500" },
      { name: "lacking", provider: "bare", model: "lacking" },
      { name: "wrong", model: "refuse-context" },
    ],
    constitution: [
      [
        ["products", "AI_ASSISTANT", "models"],
        {
          aliases: { house: "first", answers: "second", vector: "vectors" },
          fallbacks: ["house", "second"],
          maxTier: 4,
        },
      ],
    ],
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

const question = questions();
const keyOf = async (bounds: object, product = "AI_ASSISTANT"): Promise<string> => {
  const { status, json, text } = await rig.charter.ask("/v1/keys", { body: { kind: "product", product, ...bounds } });
  expect(status, text).toBe(201);
  return json.key;
};
const ask = (model: string, key = rig.productKey, more: object = {}) =>
  rig.chat({ ...question(), model, max_tokens: 10, ...more }, { key });
const servedBy = async (model: string, key?: string): Promise<unknown> => {
  const { status, headers, json } = await ask(model, key);
  return status === 200 ? headers.get("x-charter-deployment") : [status, json.code];
};
const namesOf = async (key: string): Promise<string[]> => {
  const { json } = await rig.charter.ask("/v1/models", { key });
  return json.data.map(({ id }: { id: string }) => id);
};

describe("an alias", () => {
  it("of a product is a name like any other, also where it takes that of a model, and for no other product", async () => {
    expect(await servedBy("house")).toBe("first");
    expect(await servedBy("answers")).toBe("second");
    expect(await servedBy("answers", rig.otherKey)).toBe("answers");
    expect(await servedBy("house", rig.otherKey)).toEqual([404, "model.not_found"]);
    const names = await namesOf(rig.productKey);
    expect(names).toEqual(expect.arrayContaining(["house", "answers", "first"]));
    expect(new Set(names).size).toBe(names.length);
    expect(await namesOf(rig.otherKey)).not.toContain("house");
    const read = await rig.charter.ask("/v1/models/house", { key: rig.productKey });
    expect(read.json).toMatchObject({ id: "house", charter: { model: "ok-first" } });
  });

  it("of a key is looked up first and then once more among those of its product", async () => {
    const key = await keyOf({ aliases: { mine: "house", first: "second", auto: "first", loop: "loop" } });
    expect(await servedBy("mine", key)).toBe("first");
    expect(await servedBy("first", key)).toBe("second");
    expect(await servedBy("auto", key)).toBe("first");
    expect(await servedBy("loop", key)).toEqual([404, "model.not_found"]);
    expect(await servedBy("mine")).toEqual([404, "model.not_found"]);
    expect(await namesOf(key)).toContain("mine");
  });

  it("leads nowhere that the key or the product may not go", async () => {
    const key = await keyOf({ models: ["second"], aliases: { second: "first", third: "third", ok: "second" } });
    expect(await servedBy("second", key)).toEqual([403, "model.not_allowed"]);
    expect(await servedBy("third", key)).toEqual([403, "model.not_allowed"]);
    expect(await servedBy("ok", key)).toBe("second");
    expect(await servedBy("big", await keyOf({ aliases: { big: "third" } }))).toEqual([403, "model.not_allowed"]);
    // An alias of the product may be what a key is good for.
    const named = await keyOf({ models: ["house"] });
    expect([await servedBy("house", named), await servedBy("second", named)]).toEqual([
      "first",
      [403, "model.not_allowed"],
    ]);
  });

  it("is not answered with what another key means by it", async () => {
    const same = { ...question(), model: "mine", temperature: 0 };
    const [one, other] = [await keyOf({ aliases: { mine: "first" } }), await keyOf({ aliases: { mine: "second" } })];
    const models = [];
    for (const key of [one, other, one]) models.push((await rig.chat(same, { key })).json.model);
    expect(models).toEqual(["ok-first", "ok-second", "ok-first"]);
  });

  it("works for a model that embeds", async () => {
    const body = { model: "vector", input: "words" };
    expect((await rig.charter.ask("/v1/embeddings", { key: rig.productKey, body })).status).toBe(200);
  });

  it.each(["constructor", "__proto__", "toString", "hasOwnProperty"])("is never %s by itself", async (name) => {
    expect(await servedBy(name, await keyOf({ aliases: { other: "first" } }))).toEqual([404, "model.not_found"]);
  });
});

describe("a fallback", () => {
  it.each(["failing", "lacking"])(
    "answers in the order given where %s cannot, and the answer says who did",
    async (model) => {
      const size = await rig.charter.ledgerSize();
      const { status, headers, json } = await ask(model);
      expect([status, headers.get("x-charter-deployment"), json.model]).toEqual([200, "first", "ok-first"]);
      const { facts } = await rig.outcomeSince(size);
      expect(facts).toMatchObject({ deployment: "first" });
      expect(facts?.reasons).toContain("it is a fallback of the named model");
    },
  );

  it("is said at the end of a stream too", async () => {
    const response = await fetch(`${rig.charter.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${rig.productKey}`, "content-type": "application/json" },
      body: JSON.stringify({ ...question(), model: "failing", stream: true }),
    });
    expect(await response.text()).toContain('"deployment":"first"');
  });

  it("of a key takes the place of its product's, and none outside its models is asked", async () => {
    expect(await servedBy("failing", await keyOf({ fallbacks: ["second"] }))).toBe("second");
    expect(await servedBy("failing", await keyOf({ fallbacks: ["third", "auto", "second"] }))).toBe("second");
    const bound = await keyOf({ models: ["failing", "second"], fallbacks: ["first", "second"] });
    expect(await servedBy("failing", bound)).toBe("second");
    expect((await ask("failing", await keyOf({ models: ["failing"] }))).status).toBeGreaterThanOrEqual(502);
  });

  it("does not stand in for a model that is forbidden, nor for an answer that says the question is wrong", async () => {
    expect(await servedBy("third")).toEqual([403, "model.not_allowed"]);
    expect(await servedBy("second", await keyOf({ models: ["first"] }))).toEqual([403, "model.not_allowed"]);
    const [status] = (await servedBy("wrong")) as [number];
    expect(status).toBe(400);
  });

  it("is asked only where the model itself does not answer, and its answer is for that call alone", async () => {
    expect(await servedBy("second")).toBe("second");
    const same = { ...question(), model: "failing", temperature: 0 };
    for (let i = 0; i < 2; i++) {
      expect((await rig.chat(same)).headers.get("x-charter-cache")).toBe("miss");
    }
  });
});
