// Budgets over HTTP and on the command line: claims are made, committed and released, limits are set by admins, and nobody
// reaches another product's.
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

let charter: TestCharter;
const keys = { assistant: "", agent: "", gurukul: "", auditor: "" };

beforeAll(async () => {
  charter = await startTestCharter();
  keys.assistant = await charter.keyFor("product", "AI_ASSISTANT");
  keys.agent = await charter.keyFor("ai_agent", "AI_ASSISTANT");
  keys.gurukul = await charter.keyFor("product", "GURUKUL");
  keys.auditor = await charter.keyFor("auditor");
});
afterAll(() => charter[Symbol.asyncDispose]());

const post = (path: string, body: unknown, key?: string) =>
  charter.ask(path, { body, ...(key === undefined ? {} : { key }) });
const claim = (fields: object = {}, key = keys.assistant) =>
  post(
    "/api/v1/budget/request",
    { purpose: "plan", estimated_tokens: 100, model: "small", task: "task-1", project: "p", ...fields },
    key,
  );
const end = (verb: "commit" | "release", fields: object, key = keys.assistant) =>
  post(`/api/v1/budget/${verb}`, fields, key);
const setLimit = (scope: object, limit: number, more: object = {}) =>
  post("/v1/budgets", { scope, unit: "tokens", window: "total", limit, ...more });
const lineOf = async (project: string, product = "AI_ASSISTANT") => {
  const { json } = await charter.ask(`/api/v1/budget/state?product=${product}&project=${project}`);
  return json.budgets.find((line: { scope: { project?: string } }) => line.scope.project === project);
};

describe("a claim", () => {
  it("is approved, committed, and free again beyond what was used", async () => {
    const { status, json } = await claim({ project: "whole" });
    expect(status).toBe(200);
    expect(json).toMatchObject({ approved: true, reason: "approved", allocated_tokens: 100, duplicate: false });
    expect(await lineOf("whole")).toMatchObject({
      id: null,
      limit: 100_000_000,
      held: 100,
      used: 0,
      available: 99_999_900,
    });
    const committed = await end("commit", { request_id: json.request_id, actual_tokens: 60 });
    expect(committed.json).toMatchObject({
      state: "settled",
      reserved_tokens: 100,
      used_tokens: 60,
      used_microdollars: null,
    });
    expect(committed.json.receipt.decision.allow).toBe(true);
    expect(await lineOf("whole")).toMatchObject({ held: 0, used: 60 });
  });

  it("is released without a trace in what was used", async () => {
    const { json } = await claim({ project: "released" });
    expect((await end("release", { request_id: json.request_id })).json).toMatchObject({
      state: "released",
      used_tokens: 0,
    });
    expect(await lineOf("released")).toMatchObject({ held: 0, used: 0 });
  });

  it("is the 101st on an exhausted budget: 409, on record, with what would make it pass", async () => {
    await setLimit({ product: "AI_ASSISTANT", project: "exhausted" }, 10_000);
    const answers = await Promise.all(Array.from({ length: 101 }, () => claim({ project: "exhausted" })));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(1);
    const { status, json } = refused[0]!;
    expect([status, json.code, json.limit]).toEqual([409, "budget.insufficient", "tokens/total"]);
    expect(json.remedy).toMatch(/^Ask for less/);
    expect(json.outcome_index).toBeGreaterThan(json.intent_index);
    expect(await lineOf("exhausted")).toMatchObject({ held: 10_000, available: 0 });
  });

  it("made twice under one request id is one reservation with one answer", async () => {
    const first = (await claim({ project: "twice", request_id: "same" })).json;
    const again = (await claim({ project: "twice", request_id: "same" })).json;
    const answerOf = (answer: Record<string, unknown>) =>
      ["approved", "reason", "allocated_tokens", "request_id", "timestamp"].map((name) => answer[name]);
    expect(answerOf(again)).toEqual(answerOf(first));
    expect([first.duplicate, again.duplicate]).toEqual([false, true]);
    const racing = await Promise.all([1, 2, 3, 4].map(() => claim({ project: "twice", request_id: "racing" })));
    const reasons = racing.map(({ json }) => json.reason);
    expect(new Set(reasons)).toSatisfy((seen: Set<string>) => seen.has("approved"));
    for (const { json } of racing) expect(json.approved).toBe(json.reason === "approved");
    expect(await lineOf("twice")).toMatchObject({ held: 200 });
  });

  it("ends once: the same end again answers the same, another one is 409", async () => {
    const { request_id } = (await claim({ project: "once" })).json;
    const commit = { request_id, actual_tokens: 7 };
    const answers = [await end("commit", commit), await end("commit", commit), await end("release", { request_id })];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 409]);
    expect(answers[2]?.json.code).toBe("budget.ended");
    expect((await end("commit", { request_id, actual_tokens: 8 })).status).toBe(409);
    expect(await lineOf("once")).toMatchObject({ held: 0, used: 7 });
  });

  it("under a budget in money needs a price", async () => {
    await setLimit({ product: "AI_ASSISTANT", project: "money" }, 1000, { unit: "microdollars", window: "month" });
    const unknown = await claim({ project: "money" });
    expect([unknown.status, unknown.json.code]).toEqual([402, "budget.price_unknown"]);
    expect((await claim({ project: "money", estimated_microdollars: 1000 })).status).toBe(200);
    const over = await claim({ project: "money", estimated_microdollars: 1 });
    expect([over.status, over.json.code]).toEqual([409, "budget.insufficient"]);
    expect(Number(over.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("survives a restart", async () => {
    const { request_id } = (await claim({ project: "restart" })).json;
    await charter.restart();
    expect(await lineOf("restart")).toMatchObject({ held: 100 });
    expect((await end("commit", { request_id, actual_tokens: 100 })).status).toBe(200);
  });

  it("with a field of the wrong form is 400", async () => {
    const wrong = [
      { estimated_tokens: -1 },
      { estimated_tokens: 1.5 },
      { estimated_tokens: 1e13 },
      { model: "a\u0000" },
      { request_id: "a b" },
    ];
    for (const fields of wrong) expect((await claim(fields)).status, JSON.stringify(fields)).toBe(400);
  });
});

describe("a product", () => {
  it("reaches its own claims only", async () => {
    const { request_id } = (await claim({ project: "mine", request_id: "mine" })).json;
    for (const verb of ["commit", "release"] as const) {
      const own = await end(verb, { request_id, actual_tokens: 1 }, keys.gurukul);
      const named = await end(verb, { request_id, actual_tokens: 1, product: "AI_ASSISTANT" }, keys.gurukul);
      const fields = verb === "commit" ? ["budget.not_found", "product.not_found"] : undefined;
      if (fields) expect([own.json.code, named.json.code]).toEqual(fields);
      expect([own.status, named.status]).not.toContain(200);
    }
    expect((await claim({ product: "AI_ASSISTANT" }, keys.gurukul)).json.code).toBe("product.not_found");
    expect(await lineOf("mine")).toMatchObject({ held: 100, used: 0 });
  });

  it("and its agents claim from its budget, and an admin from the budget of the product that it names", async () => {
    expect((await claim({ project: "shared" }, keys.agent)).status).toBe(200);
    expect((await claim({ project: "shared", product: "AI_ASSISTANT" }, charter.adminKey)).status).toBe(200);
    expect(await lineOf("shared")).toMatchObject({ held: 200 });
    expect((await claim({ product: "NOWHERE" }, charter.adminKey)).json.code).toBe("product.not_found");
    expect((await claim({}, keys.auditor)).status).toBe(403);
  });

  it("sees its own budgets and no others, and sets none", async () => {
    const key = (await post("/v1/keys", { kind: "product", product: "GURUKUL", role: "operator" })).json.key;
    await setLimit({ product: "GURUKUL" }, 5);
    await setLimit({ model: "small" }, 900_000_000);
    const products = (budgets: { scope: { product?: string } }[]) => new Set(budgets.map(({ scope }) => scope.product));
    const state = (await charter.ask("/api/v1/budget/state", { key })).json;
    expect(products(state.budgets)).toEqual(new Set(["GURUKUL"]));
    expect(products((await charter.ask("/v1/budgets", { key })).json.budgets)).toEqual(new Set(["GURUKUL"]));
    const foreign = await charter.ask("/api/v1/budget/state?product=AI_ASSISTANT", { key });
    const none = await charter.ask("/api/v1/budget/state?product=NONE", { key });
    expect([none.status, none.json.code, none.json.detail]).toEqual([
      foreign.status,
      foreign.json.code,
      foreign.json.detail,
    ]);
    expect([foreign.status, foreign.json.code]).toEqual([404, "product.not_found"]);
    const limit = { scope: { product: "GURUKUL" }, unit: "tokens", window: "total", limit: 9 };
    expect((await post("/v1/budgets", limit, key)).status).toBe(403);
  });
});

describe("a limit", () => {
  it("is set, listed, superseded and cleared by an admin, each on record", async () => {
    const size = await charter.ledgerSize();
    const first = (await setLimit({ product: "AI_AVATAR" }, 10)).json;
    const second = (await setLimit({ product: "AI_AVATAR" }, 20)).json;
    const listed = async () => {
      const { budgets } = (await charter.ask("/v1/budgets")).json;
      return budgets.filter(({ scope }: { scope: { product?: string } }) => scope.product === "AI_AVATAR");
    };
    const shown = { ...second };
    delete shown.receipt;
    expect(await listed()).toEqual([shown]);
    expect(shown).toMatchObject({ limit: 20, unit: "tokens", window: "total", scope: { product: "AI_AVATAR" } });
    const clear = (id: string) => charter.ask(`/v1/budgets/${id}`, { method: "DELETE" });
    expect((await clear(first.id)).json.code).toBe("budget.not_found");
    expect((await clear(second.id)).json).toMatchObject(shown);
    expect(await listed()).toEqual([]);
    expect(await charter.ledgerSize()).toBe(size + 8);
    expect((await setLimit({ product: "NOWHERE" }, 1)).json.code).toBe("product.not_found");
  });
});

describe("the command line", () => {
  const run = async (...args: readonly string[]) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    let out = "";
    stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    stderr.on("data", (chunk: Buffer) => (out += chunk.toString()));
    const env = { CHARTER_URL: charter.url, CHARTER_KEY: charter.adminKey };
    const streams = { stdin: process.stdin, stdout: stdout as never, stderr: stderr as never };
    return { code: await runProgram(["budget", ...args], { ...streams, env, cwd: "/" }), out };
  };

  it("sets a budget in dollars and shows what is left of it", async () => {
    const set = await run("set", "--product", "WORKFLOW", "--dollars", "2.5", "--per", "month");
    expect(set.code, set.out).toBe(0);
    expect(set.out).toMatch(/budget of +WORKFLOW\nlimit +\$2\.50 per month\nreceipt +ledger entries \d+ and \d+/);
    const body = { product: "WORKFLOW", estimated_microdollars: 500_000 };
    await claim({ ...body, request_id: "cli" }, charter.adminKey);
    const commit = { product: "WORKFLOW", request_id: "cli", actual_tokens: 90, actual_microdollars: 250_000 };
    expect((await end("commit", commit, charter.adminKey)).status).toBe(200);
    const { out } = await run("show", "--product", "WORKFLOW");
    expect(out).toMatch(/WORKFLOW +microdollars\/month +██░{18} +10 % +\$0\.25 +\$0\.00 +\$2\.50 +\$2\.25 /);
    expect(out).toMatch(/this month +1 call, 90 tokens, \$0\.25/);
    const json = JSON.parse((await run("show", "--product", "WORKFLOW", "--json")).out);
    expect(json.budgets[0]).toMatchObject({ scope: { product: "WORKFLOW" }, used: 250_000, limit: 2_500_000 });
  });

  it("says what is wrong with a line that it does not understand", async () => {
    for (const [args, said] of [
      [["set", "--tokens", "5", "--per", "day"], /say whose calls/],
      [["set", "--product", "P", "--per", "day"], /one of --tokens and --dollars/],
      [["set", "--product", "P", "--dollars", "1.0000001", "--per", "day"], /six decimals/],
      [["set", "--product", "P", "--tokens", "1", "--per", "week"], /--per must be one of/],
      [["clear", "nonsense"], /bud_/],
    ] as const) {
      const { code, out } = await run(...args);
      expect([code, out]).toEqual([2, expect.stringMatching(said)]);
    }
  });
});
