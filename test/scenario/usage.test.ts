// Reports of what was used: from calls as they are made to a table for a spreadsheet.
import { PassThrough } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { questions, startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let nowMs = Date.UTC(2026, 10, 1, 10, 30);
const question = questions();
const made: Record<string, { id: string; key: string }> = {};
const keyOf = async (label: string, body: object): Promise<void> => {
  made[label] = (await rig.charter.ask("/v1/keys", { body: { kind: "product", label, ...body } })).json;
};
const call = async (label: string, model: string, more: object = {}, project?: string): Promise<void> => {
  const headers = project === undefined ? {} : { "x-charter-project": project };
  const { status, text } = await rig.chat({ ...question(), model, ...more }, { key: made[label]?.key ?? "", headers });
  expect(status, text).toBe(200);
};
interface Row {
  readonly [field: string]: string | number | null;
}
const report = async (query: string, key?: string) => {
  const { status, json, text } = await rig.charter.ask(`/v1/usage?${query}`, key === undefined ? {} : { key });
  expect(status, text).toBe(200);
  return json as { since: string; until: string; rows: Row[]; total: Row; next: string | null };
};
const sum = (rows: readonly Row[], name: string): number => rows.reduce((all, row) => all + Number(row[name]), 0);

beforeAll(async () => {
  rig = await startRig({
    clock: { nowMs: () => nowMs },
    deployments: [{ name: "unpriced", model: "ok-unpriced", price: undefined }],
  });
  await keyOf("first", { product: "AI_ASSISTANT" });
  await keyOf("second", { product: "AI_ASSISTANT" });
  await keyOf("other", { product: "GURUKUL" });
  await call("first", "answers");
  await call("first", "answers", { stream: true });
  await call("first", "claude-answers", {}, "exams");
  nowMs += 86_400_000;
  await call("second", "answers");
  await call("second", "unpriced", {}, '=HYPERLINK("evil")');
  await call("other", "gem-answers");
});
afterAll(() => rig[Symbol.asyncDispose]());

describe("a report of usage", () => {
  it("says by model what was asked, answered and paid, as the calls themselves said it", async () => {
    const { rows, total } = await report("by=model");
    expect(rows.map(({ model }) => model)).toEqual(["answers", "claude-answers", "gem-answers", "unpriced"]);
    for (const name of ["calls", "input_tokens", "output_tokens", "tokens"]) {
      expect(total[name]).toBe(sum(rows, name));
    }
    const leaves = (await rig.leaves()).flatMap(({ kind, facts }) => (kind === "outcome" && facts ? [facts] : []));
    const of = (name: string) => leaves.filter(({ deployment }) => deployment === name);
    for (const row of rows) {
      const own = of(String(row["model"]));
      expect(row["calls"]).toBe(own.length);
      expect(row["input_tokens"]).toBe(own.reduce((all, each) => all + each.input_tokens, 0));
      expect(row["output_tokens"]).toBe(own.reduce((all, each) => all + each.output_tokens, 0));
      expect(row["cached_tokens"]).toBe(own.reduce((all, each) => all + each.cache_read_tokens, 0));
      const paid = own.reduce((all, each) => all + (each.microdollars ?? 0), 0);
      expect(row["cost_usd"]).toBe((paid / 1e6).toFixed(6));
    }
    expect(rows.find(({ model }) => model === "unpriced")).toMatchObject({ cost_usd: "0.000000", unpriced_calls: 1 });
    expect(total["unpriced_calls"]).toBe(1);
  });

  it.each([
    ["key", () => [made["first"]?.id, made["second"]?.id, made["other"]?.id]],
    ["product", () => ["AI_ASSISTANT", "GURUKUL"]],
    ["day", () => ["2026-11-01", "2026-11-02"]],
    ["provider", () => ["claude", "gem", "up"]],
    ["project", () => ["default", "exams", '=HYPERLINK("evil")']],
  ])("tells calls apart by %s", async (by, names) => {
    const { rows, total } = await report(`by=${by}`);
    expect(new Set(rows.map((row) => row[by]))).toEqual(new Set(names()));
    expect(sum(rows, "calls")).toBe(total["calls"]);
  });

  it("is of the time, product, key and model that are asked for", async () => {
    expect((await report("by=day&since=2026-11-02")).total["calls"]).toBe(3);
    expect((await report("by=day&until=2026-11-02")).total["calls"]).toBe(3);
    expect((await report("by=model&product=GURUKUL")).rows.map(({ model }) => model)).toEqual(["gem-answers"]);
    expect((await report(`by=day&key=${made["first"]?.id}&model=answers`)).total["calls"]).toBe(2);
    const { since, until } = await report("since=2026-11-01T10:59:59Z&until=2026-11-01T11:00:01Z");
    expect([since, until]).toEqual(["2026-11-01T10:00:00.000Z", "2026-11-01T12:00:00.000Z"]);
  });

  it("tells its time in RFC 3339 up to the last hour that this can write", async () => {
    for (const end of ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "9999-12-31T22:59:59Z"]) {
      const { since, until } = await report(`until=${end}&since=9999-12-01`);
      expect([since, until]).toEqual(["9999-12-01T00:00:00.000Z", "9999-12-31T23:00:00.000Z"]);
    }
    const { status } = await rig.charter.ask("/v1/usage?until=9999-12-31T23:59:59Z&since=9999-12-31T23:30:00Z");
    expect(status).toBe(400);
  });

  it("comes in pages that hold every row once, also while calls go on", async () => {
    const rows: Row[] = [];
    let cursor = "";
    do {
      const page = await report(`by=day,model&limit=2${cursor}`);
      rows.push(...page.rows);
      await call("first", "answers");
      cursor = page.next === null ? "" : `&cursor=${encodeURIComponent(page.next)}`;
    } while (cursor !== "");
    const names = rows.map(({ day, model }) => `${day} ${model}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(names.toSorted());
    expect(names).toContain("2026-11-02 unpriced");
    const { status, json } = await rig.charter.ask(`/v1/usage?by=model&cursor=${"x".repeat(40)}`);
    expect([status, json.code]).toEqual([400, "cursor.invalid"]);
  });

  it("shows a product its own and nothing of another", async () => {
    const key = await rig.charter.keyFor("product", "GURUKUL", "operator");
    const { rows, total } = await report("by=product,model", key);
    expect(rows.map(({ product, model }) => [product, model])).toEqual([["GURUKUL", "gem-answers"]]);
    expect(total["calls"]).toBe(1);
    const foreign = await rig.charter.ask("/v1/usage?product=AI_ASSISTANT", { key });
    const none = await rig.charter.ask("/v1/usage?product=NONE", { key });
    // Alike for one that there is and one that there is not.
    expect([foreign, none].map(({ status, json }) => [status, json.code])).toEqual([
      [404, "product.not_found"],
      [404, "product.not_found"],
    ]);
    expect((await report(`by=model&key=${made["first"]?.id}`, key)).rows).toEqual([]);
  });

  it("is a table for spreadsheets without a formula of anybody's", async () => {
    const headers = { accept: "text/csv" };
    const { status, headers: told, text } = await rig.charter.ask("/v1/usage?by=project,model", { headers });
    expect([status, told.get("content-type")]).toEqual([200, "text/csv; charset=utf-8"]);
    const lines = text.trimEnd().split("\r\n");
    expect(lines[0]).toBe(
      "project,model,calls,input_tokens,cached_tokens,output_tokens,tokens,cost_usd,unpriced_calls,unpriced_estimate_usd",
    );
    expect(lines.length).toBe((await report("by=project,model")).rows.length + 1);
    expect(text).toContain(`"'=HYPERLINK(""evil"")",unpriced,1,`);
    const first = await rig.charter.ask("/v1/usage?by=model&limit=1", { headers });
    const [, next = ""] = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("link") ?? "") ?? [];
    const second = await rig.charter.ask(next, { headers });
    expect(second.text.split("\r\n")[1]).toMatch(/^claude-answers,/);
  });

  it.each(["by=colour", "by=model,", "since=yesterday", "since=2020-01-01", "limit=0", "since=2026-12-01"])(
    "is not made of %j",
    async (query) => {
      expect((await rig.charter.ask(`/v1/usage?${query}`)).status).toBe(400);
    },
  );

  it("is a table on the command line too, the highest cost first and the total last", async () => {
    const run = async (...args: readonly string[]) => {
      const stdout = new PassThrough();
      const env = { CHARTER_URL: rig.charter.url, CHARTER_KEY: rig.charter.adminKey };
      const io = { stdin: process.stdin, stdout: stdout as never, stderr: stdout as never, env, cwd: "/" };
      const code = await runProgram(args, io);
      stdout.end();
      return [code, await textOf(stdout)] as const;
    };
    const [code, table] = await run("usage", "--since", "2026-11-01", "--until", "2026-11-03");
    expect(code).toBe(0);
    const lines = table.split("\n").filter((line) => line !== "");
    expect(lines[1]).toMatch(/^MODEL +CALLS +INPUT +CACHED +OUTPUT +TOKENS +COST +UNPRICED$/);
    expect(lines.findIndex((line) => line.startsWith("total"))).toBe(lines.length - 2);
    expect(lines.at(-1)).toContain("the cost of 1 call is not known");
    const costs = lines.slice(2, -2).map((line) => Number(/\$([\d.]+)/.exec(line)?.[1]));
    expect(costs).toEqual(costs.toSorted((left, right) => right - left));
    const span = ["--since", "2026-11-01", "--until", "2026-11-03"];
    const [, csv] = await run("usage", "--by", "key", "--csv", ...span);
    expect(csv.split("\r\n")).toHaveLength(5);
    const [, whole] = await run("usage", "--by", "day", "--json", ...span);
    expect((JSON.parse(whole) as { rows: Row[] }).rows).toHaveLength(2);
    expect((await run("usage", "--by", "colour"))[0]).toBe(2);
  });

  it("is the same after the server was stopped", async () => {
    const before = await report("by=day,key,model");
    await rig.charter.restart();
    expect((await report("by=day,key,model")).rows).toEqual(before.rows);
  });
});

describe("what a key may know of what was spent", () => {
  it("is what its product used, and for one that is bound what it used itself", async () => {
    const first = made["first"]?.key ?? "";
    const all = await report("by=key", first);
    expect(all.rows.map(({ key }) => key)).toEqual(
      [made["first"]?.id, made["second"]?.id].toSorted((left, right) => (String(left) < String(right) ? -1 : 1)),
    );
    expect((await report(`by=model&key=${made["second"]?.id}`, first)).total["calls"]).toBe(2);
    for (const path of ["/v1/usage?product=GURUKUL", "/api/v1/budget/state?product=GURUKUL"]) {
      expect([path, (await rig.charter.ask(path, { key: first })).json.code]).toEqual([path, "product.not_found"]);
    }
    for (const [label, bound] of Object.entries({
      models: { models: ["answers"] },
      rpm: { rpm: 100 },
      budget: { budget: { unit: "microdollars", window: "month", limit: 1_000_000 } },
    })) {
      await keyOf(label, { product: "AI_ASSISTANT", ...bound });
      const { id, key } = made[label] ?? { id: "", key: "" };
      expect((await report("by=key", key)).rows).toEqual([]);
      await call(label, "answers");
      const { rows, total } = await report("by=product,key", key);
      expect(rows.map((row) => [row["product"], row["key"], row["calls"]])).toEqual([["AI_ASSISTANT", id, 1]]);
      expect(total["calls"]).toBe(1);
      expect((await report(`by=key&key=${made["first"]?.id}`, key)).total["calls"]).toBe(0);
      expect((await report(`by=key&key=${id}`, key)).total["calls"]).toBe(1);
      const state = await rig.charter.ask("/api/v1/budget/state", { key });
      const listed = await rig.charter.ask("/v1/budgets", { key });
      const scopes = label === "budget" ? [{ product: "AI_ASSISTANT", key: id }] : [];
      expect(state.json.budgets.map(({ scope }: { scope: object }) => scope)).toEqual(scopes);
      expect(state.json.usage.month.calls).toBe(1);
      expect(listed.json.budgets.map(({ scope }: { scope: object }) => scope)).toEqual(scopes);
    }
    // One that is not bound sees the budgets of its product, and none of another.
    const seen = (await rig.charter.ask("/v1/budgets", { key: first })).json.budgets;
    expect(seen.map(({ scope }: { scope: { product: string } }) => scope.product)).toEqual(["AI_ASSISTANT"]);
    expect((await rig.charter.ask("/v1/budgets", { key: made["other"]?.key ?? "" })).json.budgets).toEqual([]);
  });
});
