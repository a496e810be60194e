// Calls of models that are open when what their caller may do ends: a stream ends with the error frame of its dialect, a whole
// answer is not given, and what was used until then is charged and on record.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { byHalt, byRevocation, clearHalt, waysToEnd } from "../../support/app/endings.ts";
import { handClock, settledBudget, startRig } from "../../support/gateway/gateway.ts";
import type { GatewayRig } from "../../support/gateway/gateway.ts";
import { openRequest } from "../../support/http/open-request.ts";
import { eventually } from "../../support/wait.ts";

const clock = handClock();
let rig: GatewayRig;
beforeAll(async () => void (rig = await startRig({ clock })));
afterAll(() => rig[Symbol.asyncDispose]());

let asked = 0;
const words = (): string => `What is six times seven? (${++asked})`;

/** The APIs that stream, each with a call of a model. */
const apis = [
  {
    name: "chat",
    path: "/v1/chat/completions",
    body: () => ({ messages: [{ role: "user", content: words() }], max_tokens: 50 }),
  },
  {
    name: "messages",
    path: "/v1/messages",
    body: () => ({ messages: [{ role: "user", content: words() }], max_tokens: 50 }),
  },
  { name: "responses", path: "/v1/responses", body: () => ({ input: words(), max_output_tokens: 50 }) },
] as const;

/** Opens a call; the answer of the upstream never comes to its end. */
function openCall(key: string, path: string, body: object, project: string, more: Record<string, string> = {}) {
  const headers = { "content-type": "application/json", "x-charter-project": project, ...more };
  const call = openRequest(rig.charter, path, { key, headers });
  call.finish(JSON.stringify(body));
  return call;
}

/** What was recorded of the call with a request id. */
async function outcomeOf(requestId: string | string[] | undefined) {
  const leaves = await rig.leaves();
  return leaves.find(
    (leaf) => leaf.kind === "outcome" && leaf.request_id === requestId && leaf.resource?.startsWith("model/"),
  );
}

describe.each(waysToEnd)("a call that is open when $name", ({ status, code, caller }) => {
  it.each(apis)("ends its stream with a typed error frame, and is charged what it used: $name", async (api) => {
    const project = `stream-${++asked}`;
    const { key, end } = await caller(rig.charter, clock);
    const body = { ...api.body(), model: "up/stall-mid-stream", stream: true };
    const call = openCall(key, api.path, body, project);
    await eventually(() => call.heard().includes("data:"));
    await end();
    const answer = await call.answer;
    expect(answer.status).toBe(200);
    expect(answer.text.trimEnd().split("\n\n").at(-1)).toContain(code);
    expect(answer.text).toMatch(/"?error"?/);
    const outcome = await outcomeOf(answer.headers["x-request-id"]);
    expect(outcome).toMatchObject({ outcome: "refused", code, facts: { finish: "error", streamed: true } });
    await clearHalt(rig.charter);
    const budget = await settledBudget(rig, project);
    expect(budget.held).toBe(0);
    expect(budget.used).toBeGreaterThan(0);
  });

  it("is told the reason in place of a whole answer", async () => {
    const project = `whole-${++asked}`;
    const { key, end } = await caller(rig.charter, clock);
    const seen = rig.upstream.seen.length;
    const call = openCall(key, apis[0].path, { ...apis[0].body(), model: "up/stall-before-headers" }, project);
    await rig.upstream.until(() => rig.upstream.seen.length > seen);
    await end();
    const answer = await call.answer;
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(await outcomeOf(answer.headers["x-request-id"])).toMatchObject({ outcome: "refused", code });
    await clearHalt(rig.charter);
    const budget = await settledBudget(rig, project);
    expect(budget.held).toBe(0);
    // The provider was asked, and how far it had come nobody knows.
    expect(budget.used).toBeGreaterThan(0);
  });
});

describe.each([byRevocation, byHalt])("another call that is open when $name", ({ status, code, caller }) => {
  const chat = { messages: [{ role: "user", content: "Hi" }] };
  it.each([
    ["embeddings", "/v1/embeddings", { model: "vectors", input: "Hi" }, {}],
    ["the predecessor's", "/execute", { query: "Hi" }, {}],
    ["a cascade", "/v1/chat/completions", { ...chat, model: "auto" }, { "x-charter-strategy": "cascade" }],
    [
      "one whose form is enforced",
      "/v1/chat/completions",
      { ...chat, model: "answers" },
      { "x-charter-schema": "enforce" },
    ],
  ])("is told the reason, and no other model is asked: %s", async (_name, path, body, more) => {
    const { key, end } = await caller(rig.charter, clock);
    const seen = rig.upstream.seen.length;
    rig.upstream.script(Array.from({ length: 5 }, () => "stall-before-headers"));
    const call = openCall(key, path, body, "default", more);
    await rig.upstream.until(() => rig.upstream.seen.length > seen);
    await end();
    const answer = await call.answer;
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(await outcomeOf(answer.headers["x-request-id"])).toMatchObject({ outcome: "refused", code });
    await rig.upstream.until(() => rig.upstream.seen.slice(seen).every(({ aborted }) => aborted));
    expect(rig.upstream.seen.length).toBe(seen + 1);
    rig.upstream.script([]);
    await clearHalt(rig.charter);
  });
});

describe("a deliberation", () => {
  it.each(waysToEnd)("ends when $name, with all its calls", async ({ status, code, caller }) => {
    const { key, end } = await caller(rig.charter, clock);
    const seen = rig.upstream.seen.length;
    rig.upstream.script(Array.from({ length: 20 }, () => "stall-before-headers"));
    const path = "/api/v1/consciousness/process";
    const call = openCall(key, path, { prompt: words() }, "default");
    await rig.upstream.until(() => rig.upstream.seen.length > seen);
    await end();
    const answer = await call.answer;
    rig.upstream.script([]);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    const requestId = answer.headers["x-request-id"];
    await eventually(async () => {
      const own = (await rig.leaves()).filter((leaf) => leaf.request_id === requestId);
      const [intents, outcomes] = ["intent", "outcome"].map((kind) => own.filter((leaf) => leaf.kind === kind));
      return intents!.length === outcomes!.length && outcomes!.every(({ outcome }) => outcome === "refused");
    });
    await clearHalt(rig.charter);
  });
});

describe("a call that others follow", () => {
  it("ends with its own caller's rights; those who follow ask for themselves", async () => {
    const { key, end } = await byRevocation.caller(rig.charter, clock);
    const seen = rig.upstream.seen.length;
    const body = { ...apis[0].body(), model: "answers" };
    rig.upstream.script(["stall-before-headers", "ok"]);
    const leader = openCall(key, apis[0].path, body, "default");
    await rig.upstream.until(() => rig.upstream.seen.length === seen + 1);
    const follower = openCall(rig.productKey, apis[0].path, body, "default");
    await eventually(async () => (await rig.leaves()).at(-1)?.kind === "intent");
    await end();
    expect((await leader.answer).json.code).toBe("credential.ended");
    const answer = await follower.answer;
    expect([answer.status, answer.headers["x-charter-cache"]]).toEqual([200, "miss"]);
  });
});

describe("a reader that does not read", () => {
  it("does not hold up the end of its call", async () => {
    const { key, end } = await byRevocation.caller(rig.charter, clock);
    const project = `unread-${++asked}`;
    const body = { ...apis[0].body(), model: "up/endless", stream: true };
    const size = (await rig.leaves()).length;
    const headers = { "content-type": "application/json", "x-charter-project": project };
    const call = openRequest(rig.charter, apis[0].path, { key, headers, reads: false });
    call.finish(JSON.stringify(body));
    let sent = -1;
    // Until nothing more fits between the two.
    await eventually(async () => {
      const before = sent;
      sent = rig.upstream.seen.at(-1)?.sentBytes ?? 0;
      await new Promise((resume) => setTimeout(resume, 200));
      return before === sent && sent > 0;
    });
    await end();
    expect(await rig.outcomeSince(size)).toMatchObject({ outcome: "refused", code: "credential.ended" });
    call.destroy();
  });
});
