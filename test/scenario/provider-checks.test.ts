// Proving the server's keys at providers that say all kinds of things of them.
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { providerKeys, startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let server: Server;
const seen: { readonly name: string; readonly path: string; readonly headers: IncomingMessage["headers"] }[] = [];

const list = { object: "list", data: [] };
const json = (response: ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
/** What each provider says; the key that it knows is the rig's first. */
const says: Record<string, (shown: string | undefined, response: ServerResponse) => void> = {
  strict: (shown, response) =>
    shown?.includes(providerKeys.first)
      ? json(response, 200, list)
      : json(response, 401, { error: { message: `no such key: ${shown}`, code: "invalid_api_key" } }),
  open: (_shown, response) => json(response, 200, list),
  listless: (_shown, response) => json(response, 404, { error: { message: "not found" } }),
  scoped: (_shown, response) => json(response, 403, { error: { message: "missing scope: models.read" } }),
  portal: (_shown, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>Sign in</p>"),
  busy: (_shown, response) => json(response, 429, { error: { message: "slow down" } }),
  broken: (_shown, response) => void response.destroy(),
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const [, name = "", ...rest] = (request.url ?? "").split("/");
    const { headers } = request;
    seen.push({ name, path: `/${rest.join("/")}`, headers });
    const key = headers.authorization ?? headers["x-api-key"] ?? headers["x-goog-api-key"];
    says[name.replace(/^own-/, "")]?.(typeof key === "string" ? key : undefined, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  rig = await startRig({
    providers: ({ keyFile }) => {
      const row = (name: string, kind = "openai-compatible") => ({
        kind,
        baseUrl: `${at}/${name}`,
        keys: [{ file: keyFile(providerKeys.first) }],
      });
      return {
        ...Object.fromEntries(Object.keys(says).map((name) => [name, row(name)])),
        strict: {
          ...row("strict"),
          keys: [providerKeys.first, providerKeys.second].map((key) => ({ file: keyFile(key) })),
        },
        messages: row("own-strict", "anthropic"),
        google: row("own-strict", "gemini"),
        away: { ...row("away"), baseUrl: "http://127.0.0.1:9" },
        bare: { kind: "openai-compatible", baseUrl: `${at}/bare`, keys: [{ env: "NO_SUCH_VARIABLE" }] },
      };
    },
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

interface Check {
  readonly provider: string;
  readonly key: number | null;
  readonly state: string;
  readonly reason: string;
  readonly latency_ms: number | null;
}
const check = async (provider?: string, key?: string) =>
  rig.charter.ask("/v1/providers/check", { body: { provider }, ...(key === undefined ? {} : { key }) });
const checksOf = async (provider?: string): Promise<Check[]> => (await check(provider)).json.checks;

describe("a check of providers' keys", () => {
  it.each([
    ["messages", "ok", /answers/],
    ["google", "ok", /answers/],
    ["open", "unproven", /without a key/],
    ["listless", "unproven", /no list of models/],
    ["scoped", "unproven", /403: missing scope/],
    ["portal", "unproven", /other than JSON/],
    ["busy", "failed", /429/],
    ["broken", "no_network", /broke/],
    ["away", "no_network", /ECONNREFUSED/],
    ["bare", "unconfigured", /NO_SUCH_VARIABLE/],
  ])("says of %s that it is %s", async (provider, state, reason) => {
    const [found, ...others] = await checksOf(provider);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ provider, state, reason: expect.stringMatching(reason) as string });
    const isAnswered = state !== "no_network" && state !== "unconfigured";
    expect(typeof found?.latency_ms).toBe(isAnswered ? "number" : "object");
  });

  it("tells the keys of one provider apart, and shows none of them", async () => {
    const { text, json: told } = await check("strict");
    expect(told.checks).toMatchObject([
      { key: 1, state: "ok" },
      { key: 2, state: "refused" },
    ]);
    for (const secret of Object.values(providerKeys)) expect(text).not.toContain(secret);
  });

  it("asks each API for a list as that API has it, with no body and nothing that a model would read", async () => {
    seen.length = 0;
    await Promise.all(["messages", "google", "strict"].map((name) => check(name)));
    const asked = seen.filter(({ headers }) => JSON.stringify(headers).includes(providerKeys.first));
    expect(new Set(asked.map(({ path }) => path))).toEqual(
      new Set(["/models", "/models?limit=1", "/models?pageSize=1"]),
    );
    expect(asked.find(({ path }) => path.includes("limit"))?.headers["anthropic-version"]).toBe("2023-06-01");
    expect(asked.every(({ headers }) => headers["content-length"] === undefined)).toBe(true);
  });

  it("is on record, for admins alone, and of every provider where none is named", async () => {
    const size = await rig.charter.ledgerSize();
    const all = await checksOf();
    expect(new Set(all.map(({ provider }) => provider)).size).toBeGreaterThan(10);
    const leaves = (await rig.leaves()).slice(size);
    expect(leaves.map(({ kind, operation, resource }) => [kind, operation, resource])).toEqual([
      ["intent", "provider.check", "provider/all"],
      ["outcome", "provider.check", "provider/all"],
    ]);
    expect(leaves[1]?.facts).toMatchObject({ checked: all.length });
    expect((await check("strict", rig.productKey)).status).toBe(403);
    const unknown = await check("nobody");
    expect([unknown.status, unknown.json.code]).toEqual([404, "provider.not_found"]);
  });

  it("changes nothing for calls: a key that was refused there is still asked", async () => {
    await check("busy");
    const { json: breakers } = await rig.charter.ask("/circuit-breakers");
    expect(breakers).toEqual({});
  });
});
