// Walks every operation of the HTTP API: each authenticates, each mutation leaves exactly one intent and one outcome,
// each read leaves none. What is exempt stands in the lists below, which are part of the review of a change.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeApi } from "../../src/http/index.ts";
import type { OperationName } from "../../src/http/index.ts";
import { verifyLedger } from "../../src/ledger/verify/index.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";
import { openWalk, operationNames, rowOf } from "../support/http/walk.ts";
import type { Walk } from "../support/http/walk.ts";

/** What anyone may call, and nothing else. A new line here is a decision. */
const publicOperations: readonly OperationName[] = [
  "index.read",
  "index.head",
  "openapi.read",
  "health.read",
  "ready.read",
  "ledger.checkpoint",
  "ledger.verifier_key",
  "ledger.public_key",
  "ledger.tile",
  "ledger.proof",
  "token.introspect",
  "authorize.show",
  "oauth.metadata",
  "oauth.openid_metadata",
  "oauth.jwks",
];

/** What anyone may change: accounts and sessions, by proving who they are. A new line here is a decision. */
const publicMutations: readonly OperationName[] = [
  "user.register",
  "user.verify",
  "password.change",
  "password.reset_request",
  "password.reset_confirm",
  "token.issue",
  "token.revoke",
  "session.login",
  "authorize.approve",
];

/** Changes that are made of others, each on record by itself: as many outcomes as intents, and more than one. */
const composites: readonly OperationName[] = ["consciousness.process"];

/** What any credential may call, because it concerns the caller's own identity only. */
const selfOperations: readonly OperationName[] = ["auth.me", "session.logout"];

const names = operationNames;
const mutations = names.filter((name) => rowOf(name).effect === "mutation");
const reads = names.filter((name) => rowOf(name).effect === "read");

let charter: TestCharter;
let walk: Walk;
const call: Walk["call"] = (...asked) => walk.call(...asked);

beforeAll(async () => {
  charter = await startTestCharter();
  walk = await openWalk(charter);
});
afterAll(() => charter[Symbol.asyncDispose]());

/** The leaves that one answer's request left, by kind. */
async function leavesOf({ headers }: Answer): Promise<Record<string, number>> {
  const { json } = await charter.ask(`/ledger/entries?request=${headers.get("x-request-id")}&limit=100`);
  const kinds = json.entries.map((entry: { leaf: { kind: string } }) => entry.leaf.kind);
  return Object.fromEntries(
    ["intent", "outcome"].map((kind) => [kind, kinds.filter((k: string) => k === kind).length]),
  );
}

describe("the list of operations", () => {
  it("is exactly what the API serves", async () => {
    const document = (await describeApi("0")) as { paths: Record<string, Record<string, { operationId: string }>> };
    const served = Object.values(document.paths).flatMap((item) =>
      Object.values(item).map((op) => op.operationId.replace(/-head$/, "")),
    );
    expect(served.toSorted()).toEqual(names.toSorted());
  });

  it("holds enough to be worth walking", () => {
    expect(mutations.length).toBeGreaterThanOrEqual(9);
    expect(reads.length).toBeGreaterThanOrEqual(15);
  });

  it("lets anyone call what the committed list names and nothing more", () => {
    expect(reads.filter((name) => rowOf(name).access === "public")).toEqual(publicOperations);
  });

  it("asks a permission for everything that is not on a committed list, and a reason for what asks none", () => {
    const without = names.filter((name) => rowOf(name).permission === null);
    expect(without.toSorted()).toEqual([...publicOperations, ...publicMutations, ...selfOperations].toSorted());
    for (const name of without) expect(rowOf(name).why, name).toMatch(/\w/);
  });

  it("lets anyone change only what the committed list names", () => {
    const open = mutations.filter((name) => rowOf(name).access === "public");
    expect(open).toEqual(publicMutations);
  });
});

describe("every operation that needs a credential", () => {
  for (const name of names.filter((each) => rowOf(each).access !== "public")) {
    it(`answers 401 to nobody, to a stranger and to a revoked key: ${name}`, async () => {
      const size = await charter.ledgerSize();
      for (const key of [null, "nonsense", `charter_ad_00000000_${"A".repeat(43)}`]) {
        const refused = await call(name, key);
        expect(refused.status).toBe(401);
        expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer/);
      }
      expect(await charter.ledgerSize()).toBe(size);
    });
  }
});

describe("every mutation", () => {
  for (const name of mutations) {
    it(`leaves exactly one intent and one outcome, also when it is refused: ${name}`, async () => {
      const done = await call(name);
      expect(done.text).not.toMatch(/request[.](invalid|malformed)|invalid_request/);
      const { intent, outcome } = await leavesOf(done);
      expect(outcome).toBe(intent);
      if (composites.includes(name)) expect(intent).toBeGreaterThan(1);
      else expect(intent).toBe(1);
    });
  }

  it("leaves its intent and outcome when another principal is refused", async () => {
    const agent = await charter.keyFor("ai_agent", "AI_ASSISTANT");
    const claims: readonly OperationName[] = ["budget.request", "budget.commit", "budget.release"];
    const calls: readonly OperationName[] = [
      "chat.create",
      "message.create",
      "response.create",
      "response.compact",
      "response.cancel",
      "response.delete",
      "embedding.create",
      "model.execute",
      "consciousness.process",
    ];
    const its: readonly OperationName[] = ["artifact.create", "bucket.write", ...claims, ...calls];
    for (const name of mutations.filter((each) => rowOf(each).access === "key" && !its.includes(each))) {
      const refused = await call(name, agent);
      expect(refused.status, name).toBe(403);
      expect(await leavesOf(refused), name).toEqual({ intent: 1, outcome: 1 });
    }
  });
});

describe("every read", () => {
  for (const name of reads) {
    it(`leaves no leaf: ${name}`, async () => {
      const size = await charter.ledgerSize();
      const { status, text } = await call(name);
      expect(status, text).toBe(200);
      expect(await charter.ledgerSize()).toBe(size);
    });
  }
});

describe("every answer", () => {
  it("carries the hash of the constitution in force and a request id, refusals too", async () => {
    const { json } = await charter.ask("/governance/info");
    expect(json.hash).toMatch(/^[0-9a-f]{16}$/);
    for (const path of ["/health", "/v1/artifacts", "/nowhere", "/v1/artifacts/nobody", "/%zz"]) {
      const answer = await charter.ask(path);
      expect(answer.headers.get("x-constitution-hash")).toBe(json.hash);
      expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it("is 412 when the request expects another constitution, and ordinary when it expects this one", async () => {
    const hash = (await charter.ask("/health")).headers.get("x-constitution-hash") ?? "";
    const expecting = (value: string) => charter.ask("/v1/artifacts", { headers: { "x-constitution-hash": value } });
    expect((await expecting(hash)).status).toBe(200);
    const stale = await expecting("cdd01ef066bc6cf2");
    expect([stale.status, stale.json.code, stale.json.constitution_hash]).toEqual([412, "constitution.stale", hash]);
  });
});

describe("the ledger after all of this", () => {
  it("holds only entries that the independent verifier understands", async () => {
    await charter.restart();
    expect(await verifyLedger({ source: join(charter.dataDir, "ledger") })).toMatchObject({ ok: true });
  });
});
