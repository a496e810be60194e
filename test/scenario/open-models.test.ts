// What GET /v1/models says of the models of open providers, which the catalogue does not list one by one.
import { once } from "node:events";
import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { providerKeys, startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";

const clock = { timeMs: Date.now(), nowMs: () => clock.timeMs };
const minuteMs = 60_000;
let rig: GatewayRig;
let server: Server;
/** The paths that were asked for, and answers that are held back until the test lets them go. */
const asked: string[] = [];
let held: (() => void)[] = [];

const json = (response: ServerResponse, body: object, status = 200): void =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const listOf = (...ids: string[]): object => ({ object: "list", data: ids.map((id) => ({ id, object: "model" })) });
/** What each provider says of its models; a test may put something else in its place. */
const usual: Record<string, (response: ServerResponse, key: string | undefined) => void> = {
  shop: (response) => json(response, listOf("org/one", "one", "one", "text-embedding-9", "known")),
  rows: (response) => json(response, [{ id: "bare" }]),
  claudes: (response) => json(response, { data: [{ type: "model", id: "sonnet-9" }], has_more: false }),
  gems: (response) =>
    json(response, {
      models: [
        { name: "models/pro", supportedGenerationMethods: ["generateContent", "countTokens"] },
        { name: "models/vectors", supportedGenerationMethods: ["embedContent"] },
        { name: "models/painter", supportedGenerationMethods: ["predict"] },
      ],
    }),
  second: (response, key) =>
    key?.includes(providerKeys.second)
      ? json(response, listOf("behind-the-second-key"))
      : json(response, { error: { message: `no such key: ${key}` } }, 401),
  hostile: (response, key) =>
    json(response, {
      data: [
        ...[`of-${key?.replace("Bearer ", "")}`, "esc\u001b[31m", "a\nb", "\u202eb", " a", "", "x".repeat(300)].map(
          (id) => ({ id }),
        ),
        null,
        7,
        [],
        {},
        { id: {} },
        { id: 7 },
        { name: null },
        { id: "__proto__" },
        { id: "constructor" },
      ],
    }),
  closed: (response) => json(response, listOf("not-open")),
  html: (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>Sign in</p>"),
  wrong: (response) => json(response, { data: "none" }),
  broken: (response) => void response.destroy(),
  endless: (response) => void response.writeHead(200).end(`{"data":[${`{"id":"much"},`.repeat(400_000)}null]}`),
  many: (response) => json(response, listOf(...Array.from({ length: 3000 }, (_, at) => `m${at}`))),
};
const says = { ...usual };

const idsOf = (body: { data: { id: string }[] }): string[] => body.data.map(({ id }) => id);
const listed = async (key = rig.productKey, path = "/v1/models"): Promise<string[]> =>
  idsOf((await rig.charter.ask(path, { key })).json as { data: { id: string }[] });
const of = async (provider: string, key?: string): Promise<string[]> =>
  (await listed(key)).filter((id) => id.startsWith(`${provider}/`));
/** Asks until a list that was renewed behind the caller's back is there. */
const eventuallyOf = (provider: string) => expect.poll(() => of(provider), { timeout: 10_000 });

beforeAll(async () => {
  server = createServer((request, response) => {
    const [, name = "", ...rest] = (request.url ?? "").split("/");
    asked.push(`${name}/${rest.join("/")}`);
    const key = request.headers.authorization ?? request.headers["x-api-key"] ?? request.headers["x-goog-api-key"];
    says[name]?.(response, typeof key === "string" ? key : undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  rig = await startRig({
    clock,
    providers: ({ keyFile }) => {
      const keys = [{ file: keyFile(providerKeys.first) }];
      const row = (name: string, more: object = {}) => ({
        kind: "openai-compatible",
        baseUrl: `${at}/${name}`,
        keys,
        open: true,
        ...more,
      });
      return {
        ...Object.fromEntries(Object.keys(usual).map((name) => [name, row(name)])),
        claudes: row("claudes", { kind: "anthropic" }),
        gems: row("gems", { kind: "gemini" }),
        second: row("second", { keys: [...keys, { file: keyFile(providerKeys.second) }] }),
        closed: row("closed", { open: false }),
        away: row("shop", { baseUrl: "http://127.0.0.1:9" }),
        bare: row("bare", { keys: [{ env: "NO_SUCH_VARIABLE" }] }),
      };
    },
    deployments: [{ name: "mine", provider: "shop", model: "known" }],
    constitution: [[["products", "AI_AVATAR", "models"], { models: ["shop/o*", "mine"] }]],
  });
});
beforeEach(() => {
  Object.assign(says, usual);
  asked.length = 0;
});
afterAll(async () => {
  for (const release of held) release();
  await rig[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

describe("the list of models", () => {
  it("holds those of open providers as each API lists them, once, beside the ones of the catalogue", async () => {
    const names = await listed();
    const has = (provider: string): string[] => names.filter((id) => id.startsWith(`${provider}/`));
    expect(has("shop")).toEqual(["shop/org/one", "shop/one", "shop/text-embedding-9"]);
    expect(has("rows")).toEqual(["rows/bare"]);
    expect(has("claudes")).toEqual(["claudes/sonnet-9"]);
    expect(has("gems")).toEqual(["gems/pro", "gems/vectors"]);
    expect(has("second")).toEqual(["second/behind-the-second-key"]);
    expect(has("many")).toHaveLength(1000);
    for (const none of ["closed", "html", "wrong", "broken", "endless", "away", "bare"]) expect(has(none)).toEqual([]);
    expect(names).toEqual(expect.arrayContaining(["answers", "mine"]));
    expect(new Set(names).size).toBe(names.length);
    expect(asked).not.toContain("bare/models");
    expect(asked).not.toContain("closed/models");
    expect(asked).toEqual(expect.arrayContaining(["claudes/models?limit=1000", "gems/models?pageSize=1000"]));
  });

  it("holds no name that could harm whoever reads it, and none with a key in it", async () => {
    expect(await of("hostile")).toEqual(["hostile/__proto__", "hostile/constructor"]);
    const { text } = await rig.charter.ask("/v1/models", { key: rig.productKey });
    for (const secret of Object.values(providerKeys)) expect(text).not.toContain(secret);
  });

  it("says what each serves, and that the catalogue knows nothing of it", async () => {
    const { data } = (await rig.charter.ask("/v1/models", { key: rig.productKey })).json;
    const rows = new Map((data as { id: string; charter: object }[]).map(({ id, charter }) => [id, charter]));
    expect(rows.get("mine")).toMatchObject({ in_catalogue: true });
    expect(rows.get("shop/one")).toMatchObject({ in_catalogue: false, serves: "chat", state: "configured" });
    for (const id of ["shop/text-embedding-9", "gems/vectors"])
      expect(rows.get(id), id).toMatchObject({ in_catalogue: false, serves: "embeddings" });
    const one = await rig.charter.ask("/v1/models/shop/text-embedding-9", { key: rig.productKey });
    expect(one.json.charter).toMatchObject({ in_catalogue: false, serves: "embeddings" });
  });

  it("is the same for the official clients, page by page, and below the predecessor's path, which keeps its tiers", async () => {
    const names = await listed();
    const paged: string[] = [];
    for await (const { id } of rig.anthropic().models.list({ limit: 400 })) paged.push(id);
    expect(paged).toEqual(names);
    const byOpenai: string[] = [];
    for await (const { id } of rig.openai().models.list()) byOpenai.push(id);
    expect(byOpenai).toEqual(names);
    const { json: tiers } = await rig.charter.ask("/models", { key: rig.productKey });
    expect(idsOf(tiers as { data: { id: string }[] })).toEqual(names);
    expect(JSON.stringify(tiers.models_by_tier)).not.toContain("shop/one");
  });

  it("holds what the terms of the product and the key allow, and nothing else", async () => {
    const avatar = await rig.charter.keyFor("product", "AI_AVATAR");
    expect(await listed(avatar)).toEqual(["mine", "shop/org/one", "shop/one"]);
    const made = await rig.charter.ask("/v1/keys", {
      body: { kind: "product", product: "AI_AVATAR", models: ["shop/one"], aliases: { "shop/org/one": "shop/one" } },
    });
    expect(made.status).toBe(201);
    const names = await listed(made.json.key as string);
    expect(names.toSorted()).toEqual(["shop/one", "shop/org/one"]);
  });
});

describe("the list of a provider", () => {
  it("is asked for once by all callers together, and kept for five minutes", async () => {
    clock.timeMs += 6 * minuteMs;
    await Promise.all(Array.from({ length: 20 }, () => listed()));
    await listed();
    expect(asked.filter((path) => path === "shop/models")).toHaveLength(1);
    says["shop"] = (response) => json(response, listOf("newer"));
    clock.timeMs += 4 * minuteMs;
    expect(await of("shop")).toContain("shop/one");
    clock.timeMs += 2 * minuteMs;
    expect(await of("shop")).toEqual(["shop/newer"]);
  });

  it("outlives a failure of the provider by a day, and the provider is left alone for a while", async () => {
    clock.timeMs += 6 * minuteMs;
    await listed();
    says["shop"] = (response) => json(response, { error: { message: "down" } }, 503);
    clock.timeMs += 6 * minuteMs;
    asked.length = 0;
    expect(await of("shop")).toContain("shop/one");
    expect(await of("shop")).toContain("shop/one");
    expect(asked.filter((path) => path === "shop/models")).toHaveLength(1);
    clock.timeMs += 24 * 60 * minuteMs;
    expect(await of("shop")).toEqual([]);
    Object.assign(says, usual);
    clock.timeMs += minuteMs;
    expect(await of("shop")).toContain("shop/one");
  });

  it("is not waited for longer than a second, by the first caller or by later ones, and counts when it comes", async () => {
    clock.timeMs += 25 * 60 * minuteMs;
    says["shop"] = (response) => void held.push(() => json(response, listOf("late")));
    let beganMs = performance.now();
    expect(await of("shop")).toEqual([]);
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    beganMs = performance.now();
    for (let turn = 0; turn < 10; turn++) expect(await of("shop")).toEqual([]);
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    expect(asked.filter((path) => path === "shop/models")).toHaveLength(1);
    for (const release of held) release();
    held = [];
    await eventuallyOf("shop").toEqual(["shop/late"]);
  });

  it("is no call: it is not on record, and breakers know nothing of it", async () => {
    clock.timeMs += 6 * minuteMs;
    const size = await rig.charter.ledgerSize();
    await listed();
    expect((await rig.leaves()).slice(size)).toEqual([]);
    expect((await rig.charter.ask("/circuit-breakers")).json).toEqual({});
  });
});
