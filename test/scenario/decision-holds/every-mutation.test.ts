// Every change of the API, after the caller's rights have ended in the database and nobody has told this process: the caller
// is recognised from what is remembered, the decision allows it, and the transaction of the effect finds that it holds no more.
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperationName } from "../../../src/http/index.ts";
import { handClock, leavesOf } from "../../support/gateway/gateway.ts";
import { haltProduct } from "../../support/app/endings.ts";
import { personAt, signIn } from "../../support/identity/oauth.ts";
import { startTestCharter } from "../../support/app/in-process.ts";
import type { TestCharter } from "../../support/app/in-process.ts";
import { openWalk, operationNames, rowOf } from "../../support/http/walk.ts";
import type { Walk } from "../../support/http/walk.ts";

/** Calls of models look in memory, which the process is told; `model-calls.test.ts` ends those. */
const inMemory: readonly OperationName[] = [
  "chat.create",
  "message.create",
  "response.create",
  "response.compact",
  "embedding.create",
  "model.execute",
];
/** What the constitution forbids whoever asks. */
const neverDone: readonly OperationName[] = ["artifact.replace", "artifact.update", "artifact.delete"];
/** Only sessions have it, and the one below ends one. */
const ofSessions: readonly OperationName[] = ["session.logout"];

const elsewhere = [...inMemory, ...neverDone, ...ofSessions];
const mutations = operationNames.filter((name) => {
  const { effect, access } = rowOf(name);
  return effect === "mutation" && access !== "public" && !elsewhere.includes(name);
});

/** A clock that stands, so that what is remembered of a credential stays so. */
const clock = handClock();
let charter: TestCharter;
let walk: Walk;
let database: DatabaseSync;

beforeAll(async () => {
  charter = await startTestCharter({ clock });
  walk = await openWalk(charter);
  database = new DatabaseSync(join(charter.dataDir, "charter.db"), { timeout: 5000 });
});
afterAll(async () => {
  database.close();
  await charter[Symbol.asyncDispose]();
});

/** Who may do what an operation asks for. */
const callerOf = (name: OperationName): Record<string, unknown> =>
  ["consciousness.process", "budget.request", "budget.commit", "budget.release"].includes(name)
    ? { kind: "product", product: "AI_ASSISTANT", role: "operator" }
    : { kind: "admin" };

/** What must be there for an operation to have anything to do. */
const before: Partial<Record<OperationName, (key: string) => Promise<unknown>>> = {
  "halt.clear": () => haltProduct(charter, "WORKFLOW", "WorkflowArtifact"),
  "budget.commit": (key) => walk.call("budget.request", key),
  "budget.release": (key) => {
    // The same request id is another request by then.
    clock.advance(301_000);
    return walk.call("budget.request", key);
  },
  "response.cancel": (key) => walk.inBackground(key),
  "response.delete": (key) => walk.call("response.create", key),
  "breaker.reset": async () => {
    const body = { model: "simulated-nano", messages: [{ role: "user", content: "Hi" }] };
    await charter.ask("/v1/chat/completions", { key: await charter.keyFor("product", "AI_ASSISTANT"), body });
  },
};

/** How many rows there are of what changes leave. */
const applied = (): unknown =>
  ["identity_keys", "identity_users", "effects", "oauth_clients", "budget_limits", "depository_artifacts"].map(
    (table) => database.prepare(`select count(*) as amount from ${table}`).get()?.["amount"],
  );

/** Sends the request of an operation; it must be refused, on record, and leave nothing. */
async function expectRefused(name: OperationName, key: string, answer: readonly [number, string]): Promise<void> {
  const rows = applied();
  const refused = await walk.call(name, key);
  expect([refused.status, refused.json.code]).toEqual(answer);
  expect(applied()).toEqual(rows);
  const own = (await leavesOf(charter)).filter(({ request_id }) => request_id === refused.json.request_id);
  expect(own.at(-1)).toMatchObject({ kind: "outcome", outcome: "refused", code: answer[1] });
}

describe("a change whose caller's rights have ended unseen", () => {
  it("is one of enough to be worth the walk", () => {
    expect(mutations.length).toBeGreaterThanOrEqual(20);
    for (const name of elsewhere) expect(operationNames).toContain(name);
  });

  for (const name of mutations) {
    it(`is refused on record and leaves nothing: ${name}`, async () => {
      const { id, key } = (await charter.ask("/v1/keys", { body: callerOf(name) })).json;
      await before[name]?.(key);
      expect((await charter.ask("/api/v1/auth/me", { key })).status).toBe(200);
      database.prepare("update identity_keys set revoked_ms = 1 where id = ?").run(id);
      await expectRefused(name, key, [401, "credential.ended"]);
      // It is the end alone that refuses it.
      database.prepare("update identity_keys set revoked_ms = null where id = ?").run(id);
      expect((await walk.call(name, key)).status).toBeLessThan(300);
    });
  }

  const unseen: readonly (readonly [name: string, sql: string, status: number, code: string])[] = [
    ["its key has expired", "update identity_keys set expires_ms = 1 where id = :key", 401, "credential.ended"],
    [
      "the owner of its key is disabled",
      "update identity_users set disabled = 1 where id = :user",
      401,
      "credential.ended",
    ],
    ["the owner of its key is gone", "delete from identity_users where id = :user", 401, "credential.ended"],
    [
      "the owner of its key has a lower role",
      "update identity_users set role = 'developer' where id = :user",
      403,
      "permission.denied",
    ],
    [
      "the owner of its key belongs to a product",
      "update identity_users set product = 'GURUKUL' where id = :user",
      401,
      "credential.ended",
    ],
    [
      "its key has a lower role",
      "update identity_keys set role = 'developer' where id = :key",
      403,
      "permission.denied",
    ],
    [
      "its key is good for less",
      `update identity_keys set operations = '["key.list"]' where id = :key`,
      403,
      "permission.denied",
    ],
    [
      "its key is another kind's",
      "update identity_keys set kind = 'auditor' where id = :key",
      403,
      "governance.denied",
    ],
    [
      "its key belongs to a product",
      "update identity_keys set product = 'GURUKUL' where id = :key",
      403,
      "governance.denied",
    ],
  ];
  it.each(unseen)("is refused when %s", async (_name, sql, status, code) => {
    const { id: user } = await personAt(charter, { kind: "admin", role: "admin" });
    const { id, key } = (await charter.ask("/v1/keys", { body: { kind: "admin", owner: user } })).json;
    expect((await charter.ask("/api/v1/auth/me", { key })).status).toBe(200);
    const parameters = sql.includes(":user") ? { user } : { key: id };
    database.prepare(sql).run(parameters);
    // It passes nothing on, which a key that belongs to somebody could not.
    await expectRefused("budget.set", key, [status, code]);
  });

  const unseenOfSessions: readonly (readonly [name: string, sql: string, status: number, code: string])[] = [
    ["was ended", "update oauth_grants set revoked_ms = 1 where account = ?", 401, "credential.ended"],
    ["is of a disabled account", "update identity_users set disabled = 1 where id = ?", 401, "credential.ended"],
    ["is older than the password", "update identity_users set epoch = epoch + 1 where id = ?", 401, "credential.ended"],
    [
      "is of an account with a lower role",
      "update identity_users set role = 'operator' where id = ?",
      403,
      "permission.denied",
    ],
  ];
  it.each(unseenOfSessions)("is refused when the session %s", async (_name, sql, status, code) => {
    const person = await personAt(charter, { kind: "admin", role: "admin" });
    const key = (await signIn(charter, person)).json.access_token;
    expect((await charter.ask("/api/v1/auth/me", { key })).status).toBe(200);
    database.prepare(sql).run(person.id);
    await expectRefused("key.create", key, [status, code]);
    if (status === 401) await expectRefused("session.logout", key, [status, code]);
  });
});
