// What another process of a shared PostgreSQL ends reaches the requests that are open here, and meets the effects of this one
// in the order of their commits.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { envelope, startTestCharter } from "../../support/app/in-process.ts";
import { leavesOf } from "../../support/gateway/gateway.ts";
import type { TestCharter } from "../../support/app/in-process.ts";
import { personAt, signIn } from "../../support/identity/oauth.ts";
import { openRequest } from "../../support/http/open-request.ts";
import { eventually } from "../../support/wait.ts";
import { freshPostgres } from "../../support/servers/postgres.ts";
import type { FreshPostgres } from "../../support/servers/postgres.ts";
import { describeWith } from "../../support/servers/requires.ts";

const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";

describeWith(["postgres"], "requests that are open while another process ends something", () => {
  let postgres: FreshPostgres;
  let dataDir: string;
  let charter: TestCharter;
  let other: Client;

  beforeAll(async () => {
    postgres = await freshPostgres();
    dataDir = await mkdtemp(join(tmpdir(), "charter-holds-"));
    charter = await startTestCharter({ dataDir, flags: { database: postgres.url } });
    other = new Client({ connectionString: postgres.url });
    await other.connect();
  });
  afterAll(async () => {
    await other.end();
    await charter[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const keyFor = async (fields: Record<string, unknown> = {}): Promise<{ id: string; key: string }> =>
    (await charter.ask("/v1/keys", { body: { kind: "product", product: "AI_ASSISTANT", ...fields } })).json;

  it.each([
    ["a key", "update identity_keys set revoked_ms = 1 where id = $1", 401, "credential.ended"],
    ["an owner", "update identity_users set disabled = 1 where id = $1", 401, "credential.ended"],
    ["a session", "update oauth_grants set revoked_ms = 1 where account = $1", 401, "credential.ended"],
    ["a role", "update identity_users set role = 'observer' where id = $1", 403, "permission.denied"],
    [
      "a product",
      "insert into governance_halts (scope, threat, intent_index, since_ms) values ('AI_ASSISTANT', $1, 0, 0)",
      403,
      "governance.halted",
    ],
  ])("end soon with the true reason, and store nothing: %s", async (what, sql, status, code) => {
    const person = await personAt(charter);
    const owned = await keyFor(what === "an owner" ? { owner: person.id } : {});
    const isSession = what === "a session" || what === "a role";
    const key = isSession ? (await signIn(charter, person)).json.access_token : owned.key;
    const headers = { "content-type": "text/plain", "content-length": 10 };
    const upload = openRequest(charter, streamed, { key, headers });
    upload.send("012345678");
    await eventually(async () => (await leavesOf(charter)).at(-1)?.kind === "intent");
    await other.query(sql, [what === "a key" ? owned.id : what === "a product" ? "T8" : person.id]);
    const answer = await upload.answer;
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect((await leavesOf(charter)).at(-1)).toMatchObject({ kind: "outcome", outcome: "refused", code });
    if (what !== "a product") return;
    await other.query("delete from governance_halts");
    // What another process has cleared is seen as soon.
    const again = () => charter.ask("/v1/artifacts", { key, body: envelope() });
    await eventually(async () => (await again()).status === 201);
  });

  it("are refused under a halt of another process also when they are short, and go on when it has cleared it", async () => {
    const { key } = await keyFor();
    const store = () => charter.ask("/v1/artifacts", { key, body: envelope({ payload: Math.random() }) });
    for (const scope of ["AI_ASSISTANT", "*"]) {
      expect((await store()).status).toBe(201);
      const halt = "insert into governance_halts (scope, threat, intent_index, since_ms) values ($1, 'T8', 0, 0)";
      await other.query(halt, [scope]);
      const refused = await store();
      expect([refused.status, refused.json.code]).toEqual([403, "governance.halted"]);
      await other.query("delete from governance_halts");
      await eventually(async () => (await store()).status === 201);
    }
  });

  it("are refused in the transaction of their effect when the key ended while they waited for its row", async () => {
    const { id, key } = await keyFor();
    expect((await charter.ask("/v1/artifacts", { key, body: envelope({ payload: "first" }) })).status).toBe(201);
    await other.query("begin");
    await other.query("update identity_keys set revoked_ms = 1 where id = $1", [id]);
    const size = await charter.ledgerSize();
    const waiting = charter.ask("/v1/artifacts", { key, body: envelope({ payload: "second" }) });
    await eventually(async () => (await charter.ledgerSize()) > size);
    await other.query("commit");
    const refused = await waiting;
    expect([refused.status, refused.json.code]).toEqual([401, "credential.ended"]);
  });

  it("keep nobody from changing accounts through one session many times at once", async () => {
    const boss = await personAt(charter, { kind: "admin", role: "admin" });
    const key = (await signIn(charter, boss)).json.access_token;
    const { id } = await personAt(charter);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        charter.ask(`/v1/users/${id}`, { method: "PATCH", key, body: { full_name: `Name ${i}` } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  it("of two admins that revoke each other's keys do not both succeed", async () => {
    const [left, right] = await Promise.all([1, 2].map(() => keyFor({ kind: "admin", product: undefined })));
    const answers = await Promise.all([
      charter.ask(`/v1/keys/${right!.id}`, { method: "DELETE", key: left!.key }),
      charter.ask(`/v1/keys/${left!.id}`, { method: "DELETE", key: right!.key }),
    ]);
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 401]);
  });

  it("that are acknowledged are on record before the revocation of their key is", async () => {
    const { id, key } = await keyFor();
    const uploads = Array.from({ length: 30 }, (_, i) =>
      charter.ask("/v1/artifacts", { key, body: envelope({ payload: { raced: i } }) }),
    );
    const revoking = Promise.race(uploads).then(() => charter.ask(`/v1/keys/${id}`, { method: "DELETE" }));
    const answers = await Promise.all(uploads);
    const { json } = await revoking;
    const end = (await leavesOf(charter)).findIndex(
      ({ kind, request_id }) => kind === "outcome" && request_id === json.request_id,
    );
    for (const { status, json: stored } of answers) {
      if (status === 201) expect(stored.receipt.outcome_index).toBeLessThan(end < 0 ? json.receipt.outcome_index : end);
      else expect([status, stored.code]).toEqual([401, expect.stringMatching(/^credential\.(ended|invalid)$/)]);
    }
  });
});
