// The same house with its tables in PostgreSQL: what goes in comes out, races are settled, and a restart forgets nothing.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { freshPostgres } from "../support/servers/postgres.ts";
import type { FreshPostgres } from "../support/servers/postgres.ts";
import { describeWith } from "../support/servers/requires.ts";

describeWith(["postgres"], "Charter on PostgreSQL", () => {
  let postgres: FreshPostgres;
  let dataDir: string;
  let charter: TestCharter;

  beforeAll(async () => {
    postgres = await freshPostgres();
    dataDir = await mkdtemp(join(tmpdir(), "charter-postgres-"));
    charter = await startTestCharter({ dataDir, flags: { database: postgres.url } });
  });
  afterAll(async () => {
    await charter[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  it("stores, lists, proves and refuses like the embedded one, and remembers across a restart", async () => {
    const product = await charter.keyFor("product", "AI_ASSISTANT");
    const stored = await charter.ask("/v1/artifacts", { key: product, body: envelope({ tags: ["pg"] }) });
    expect(stored.status).toBe(201);
    const path = `/v1/artifacts/${stored.json.artifact.artifact_id}`;
    expect((await charter.ask(path, { key: product, method: "DELETE" })).json.articles[0]).toBe("RULE_01_WRITE_ONLY");
    await charter.restart();
    expect((await charter.ask("/v1/artifacts?tag=pg", { key: product })).json.artifacts).toEqual([
      stored.json.artifact,
    ]);
    const proof = await charter.ask(`${path}/proof`, { key: product });
    expect(proof.json.receipt).toEqual(stored.json.receipt);
  });

  it("knows nothing of what is called by a text that no table can hold, and does not fail at it", async () => {
    for (const path of [
      "/v1/usage?model=a%00b",
      "/v1/usage?project=%00",
      "/v1/usage?product=%00",
      "/api/v1/budget/state?project=a%00",
      "/v1/artifacts?tag=a%00b",
      "/v1/artifacts?type=%00",
      "/v1/artifacts?created_by=%00",
      "/v1/keys/a%00b",
      "/v1/users/a%00b",
      "/v1/responses/resp_%00",
    ]) {
      const { status } = await charter.ask(path);
      expect([path, status >= 400 && status < 500]).toEqual([path, true]);
    }
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const claims = Buffer.from(JSON.stringify({ iss: "a\0b", sub: "a\0b", aud: charter.url, exp: 4e9 }));
    const assertion = `eyJhbGciOiJFZERTQSJ9.${claims.toString("base64url")}.eA`;
    const signed = `client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=${assertion}`;
    const forms = {
      "/api/v1/auth/token": [
        "grant_type=client_credentials&client_id=a%00b&client_secret=x",
        `grant_type=client_credentials&${signed}`,
      ],
      "/api/v1/auth/revoke": ["token=x&client_id=a%00b", `token=x&${signed}`],
      "/api/v1/auth/introspect": ["token=x&client_id=a%00b", `token=x&${signed}`],
    };
    for (const [path, bodies] of Object.entries(forms)) {
      for (const body of bodies) {
        const { status, json } = await charter.ask(path, { key: null, headers: form, body });
        expect([path, status, json.error]).toEqual([path, 401, "invalid_client"]);
      }
    }
    const call = { model: "simulated-nano", input: "hi" };
    const claim = { product: "a\0b", request_id: "x" };
    const limit = { unit: "tokens", window: "day", limit: 1 };
    const calls: readonly [string, object, number][] = [
      ["/v1/responses", { ...call, previous_response_id: "a\0b" }, 404],
      ["/v1/responses", { ...call, input: [{ type: "item_reference", id: "a\0b" }] }, 400],
      ["/api/v1/budget/commit", { ...claim, actual_tokens: 1 }, 400],
      ["/api/v1/budget/release", claim, 400],
      ["/v1/budgets", { scope: { product: "\ud800" }, ...limit }, 400],
    ];
    for (const [path, body, wanted] of calls) {
      expect([path, (await charter.ask(path, { body })).status]).toEqual([path, wanted]);
    }
  });

  it("gives forty concurrent writers forty artifacts, and one to those who share a key", async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => charter.ask("/v1/artifacts", { body: envelope({ payload: i }) })),
    );
    expect(new Set(answers.map(({ json }) => json.artifact.artifact_id)).size).toBe(40);
    const headers = { "idempotency-key": "one" };
    const same = await Promise.all(
      Array.from({ length: 10 }, () => charter.ask("/v1/artifacts", { body: envelope(), headers })),
    );
    expect(same.filter(({ status }) => status === 201)).toHaveLength(1);
    const { json } = await charter.ask("/v1/products");
    const mine = json.products.find(({ product }: { product: string }) => product === "AI_ASSISTANT");
    expect([mine.artifacts, mine.held_bytes]).toEqual([42, 0]);
  });
});
