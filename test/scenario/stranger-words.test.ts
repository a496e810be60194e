// What callers without power write down of their own: nothing that they made up stands in the ledger, and a login is one however
// it is asked for.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { personAt, postForm, signIn } from "../support/identity/oauth.ts";
import type { Person } from "../support/identity/oauth.ts";

let charter: TestCharter;
let person: Person;
beforeAll(async () => {
  charter = await startTestCharter({ flags: { "rate-factor": "1" } });
  person = await personAt(charter, { kind: "auditor" });
});
afterAll(() => charter[Symbol.asyncDispose]());

const form = (fields: Record<string, string>) => postForm(charter, "/api/v1/auth/token", fields);
const lastOf = async (operation: string) =>
  (await charter.ask(`/ledger/entries?operation=${operation}&limit=1000`)).json.entries.at(-1).leaf;

describe("a password that is shown without naming the grant", () => {
  it("is on record as the login of its user", async () => {
    const { username, password } = person;
    expect((await form({ username, password })).status).toBe(200);
    expect(await lastOf("token.issue")).toMatchObject({ outcome: "committed", resource: `user/${person.id}` });
  });

  it("is counted with the other logins", async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 10; i++) statuses.push((await form({ username: `nobody${i}`, password: "wrong" })).status);
    expect(statuses.at(-1)).toBe(429);
    expect((await signIn(charter, person)).status).toBe(429);
  });
});

describe("a caller of no product", () => {
  it("writes no product's name of its own into the ledger, and nothing into another product's view", async () => {
    const stranger = (await charter.ask("/v1/keys", { body: { kind: "executor", role: "developer" } })).json.key;
    const claim = { request_id: "r1", purpose: "p", model: "small", estimated_tokens: 1, task: "t" };
    const named = { ...claim, product: "John Smith SSN 123-45" };
    const refused = await charter.ask("/api/v1/budget/request", { key: stranger, body: named });
    expect(refused.status).toBe(404);
    expect(await lastOf("budget.request")).not.toHaveProperty("product");
  });
});
