// The matrix once more, as whoever a caller made: no credential that a bound one made is let in where its maker is not.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperationName } from "../../../src/http/index.ts";
import { principalKinds, roles } from "../../../src/kernel/ctx.ts";
import { startTestCharter } from "../../support/app/in-process.ts";
import type { TestCharter } from "../../support/app/in-process.ts";
import { postForm } from "../../support/identity/oauth.ts";
import { letterOf, openWalk, operationNames } from "../../support/http/walk.ts";
import type { Walk } from "../../support/http/walk.ts";

let charter: TestCharter;
let walk: Walk;
beforeAll(async () => {
  charter = await startTestCharter();
  walk = await openWalk(charter);
});
afterAll(() => charter[Symbol.asyncDispose]());

const making = ["key.create", "user.create", "user.import", "client.create"] as const;
const reading = ["artifact.read", "artifact.list", "key.list", "ledger.entries", "auth.me"] as const;
/** Callers that hold less than everything. */
const makers: readonly (readonly [name: string, fields: Record<string, unknown>])[] = [
  ...making.map((operation) => [operation, { kind: "admin", operations: [operation] }] as const),
  ["all four, and reading", { kind: "admin", operations: [...making, ...reading] }],
  ["an operator among admins", { kind: "admin", role: "operator" }],
  ["an executor", { kind: "executor", role: "admin" }],
  ["a product's own", { kind: "product", role: "admin", product: "AI_ASSISTANT" }],
  ["an admin of a product", { kind: "admin", role: "admin", product: "AI_ASSISTANT" }],
];

const assignable = roles.filter((role) => role !== "anonymous");
const password = "a rather long phrase";
let made = 0;

/** Everything that a maker can make, as credentials. */
async function madeBy(key: string): Promise<readonly string[]> {
  const credentials: string[] = [];
  for (const kind of principalKinds) {
    for (const role of assignable) {
      const product = kind === "product" || kind === "ai_agent" ? { product: "AI_ASSISTANT" } : {};
      for (const operations of [undefined, [...reading], ["key.create", "user.update"]]) {
        const { status, json } = await charter.ask("/v1/keys", { key, body: { kind, role, ...product, operations } });
        if (status === 201) credentials.push(json.key);
      }
      const client = { name: "made", kind, role, ...product, grant_types: ["client_credentials"] };
      const registered = await charter.ask("/v1/clients", { key, body: client });
      if (registered.status === 201) {
        const { id, secret } = registered.json;
        const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
        const form = { grant_type: "client_credentials" };
        credentials.push((await postForm(charter, "/api/v1/auth/token", form, { authorization })).json.access_token);
      }
      const username = `made-by-${++made}`;
      const draft = { username, email: `${username}@example.org`, kind, role, ...product };
      const user = await charter.ask("/v1/users", { key, body: draft });
      if (user.status === 201) {
        const change = { username, current_password: user.json.one_time_password, new_password: password };
        await charter.ask("/api/v1/auth/password/change", { key: null, body: change });
        const login = await charter.ask("/api/v1/auth/login", { key: null, body: { username, password } });
        credentials.push(login.json.access_token);
      }
    }
  }
  return credentials;
}

async function lettersOf(key: string): Promise<ReadonlyMap<OperationName, string>> {
  const letters = new Map<OperationName, string>();
  for (const name of operationNames) {
    letters.set(name, letterOf(await walk.call(name, key)));
    const { json } = await charter.ask("/v1/halts");
    for (const { scope } of json.halts) {
      await charter.ask(`/v1/halts/${scope}/clear`, { body: { reason: "cleared for the next operation" } });
    }
  }
  return letters;
}

describe("what a bound credential made", () => {
  it.each(makers)("is let in nowhere where its maker is not: %s", async (_name, fields) => {
    const { json } = await charter.ask("/v1/keys", { body: fields });
    const own = await lettersOf(json.key);
    const credentials = await madeBy(json.key);
    // Only the one that can also read has anything to pass on.
    const readsToo = ((fields["operations"] ?? []) as readonly string[]).includes("auth.me");
    expect(credentials.length > 0).toBe(readsToo);
    for (const credential of credentials) {
      for (const [name, letter] of await lettersOf(credential)) {
        if (letter === "+") expect([name, own.get(name)]).toEqual([name, "+"]);
      }
    }
  });

  it("and an unbound admin makes what works", async () => {
    const { json } = await charter.ask("/v1/keys", { body: { kind: "admin" } });
    expect(await madeBy(json.key)).toHaveLength(principalKinds.length * assignable.length * 5);
  });
});
