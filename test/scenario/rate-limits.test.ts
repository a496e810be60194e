// How often a caller may call: each class of operations up to its limit exactly, what an answer says of it, and that
// nobody can use up what belongs to another.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseList } from "structured-headers";
import { afterEach, describe, expect, it } from "vitest";
import { operations } from "../../src/http/index.ts";
import type { Operation } from "../../src/http/index.ts";
import { roles } from "../../src/kernel/ctx.ts";
import type { PrincipalKind, Role } from "../../src/kernel/ctx.ts";
import { constitutionWith } from "../support/app/constitution.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { Answer, Ask, TestCharter } from "../support/app/in-process.ts";
import { spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import { startRedis } from "../support/servers/redis.ts";
import { describeWith } from "../support/servers/requires.ts";

/** The limits of the documents, by role. */
const perMinute: Readonly<Record<Role, number>> = {
  admin: 100,
  operator: 50,
  developer: 30,
  observer: 20,
  anonymous: 5,
};

let nowMs = Date.UTC(2026, 0, 1);
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

/** A Charter with the documents' limits, on a clock of the test's. */
async function start(
  numbers: readonly (readonly [path: readonly string[], value: number])[] = [],
  factor = 1,
): Promise<TestCharter> {
  const dir = await mkdtemp(join(tmpdir(), "charter-rates-"));
  open.push({ [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) });
  const constitution = await constitutionWith(join(dir, "constitution"), numbers);
  nowMs += 24 * 3_600_000;
  const flags = { "rate-factor": String(factor), constitution };
  const charter = await startTestCharter({ flags, clock: { nowMs: () => nowMs } });
  open.push(charter);
  return charter;
}

/** A key of a role. */
async function keyOf(charter: TestCharter, role: Role, product: string | null = "AI_ASSISTANT"): Promise<string> {
  const kinds: Partial<Record<Role, PrincipalKind>> = { admin: "admin", operator: "executor", observer: "auditor" };
  const kind = kinds[role] ?? "product";
  const body = { kind, role, ...(kind === "admin" || product === null ? {} : { product }) };
  const { status, json, text } = await charter.ask("/v1/keys", { body });
  expect(status, text).toBe(201);
  return json.key;
}

/** The statuses of so many equal requests, one after the other. */
async function statuses(charter: TestCharter, times: number, path: string, ask: Ask): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < times; i++) seen.push((await charter.ask(path, ask)).status);
  return seen;
}

const repeat = (times: number, status: number): number[] => Array.from({ length: times }, () => status);

/** What the two fields of an answer say. */
function fieldsOf({ headers }: Answer): { policy: unknown; q: unknown; w: unknown; r: unknown; t: unknown } {
  const [[policy, quota] = []] = parseList(headers.get("ratelimit-policy") ?? "");
  const [[same, left] = []] = parseList(headers.get("ratelimit") ?? "");
  expect(same).toBe(policy);
  if (!(quota instanceof Map) || !(left instanceof Map)) throw new Error("the fields have no parameters");
  return { policy, q: quota.get("q"), w: quota.get("w"), r: left.get("r"), t: left.get("t") };
}

describe("the control plane", () => {
  it.each(roles.filter((role) => role !== "anonymous"))("admits exactly its limit to the role %s", async (role) => {
    const charter = await start();
    const key = await keyOf(charter, role);
    const limit = perMinute[role];
    expect(await statuses(charter, limit + 2, "/governance/info", { key })).toEqual([
      ...repeat(limit, 200),
      ...repeat(2, 429),
    ]);
  });

  it("counts down in structured fields and explains the refusal", async () => {
    const charter = await start();
    const key = await keyOf(charter, "observer");
    for (let left = 19; left >= 0; left--) {
      const answer = await charter.ask("/governance/info", { key });
      const fields = fieldsOf(answer);
      expect(fields).toMatchObject({ policy: "control", q: 20, w: 60, r: left });
      expect(fields.t).toBeGreaterThan(0);
      if (left > 0) expect(fields.t).toBeLessThanOrEqual(60);
      expect(answer.headers.get("retry-after")).toBeNull();
    }
    const refused = await charter.ask("/governance/info", { key });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(refused.json).toMatchObject({ code: "rate.exceeded", limit: "control", status: 429 });
    expect(refused.json.remedy).toMatch(/\w/);
    const { r, t } = fieldsOf(refused);
    expect({ r, t: String(t) }).toEqual({ r: 0, t: refused.headers.get("retry-after") });
  });

  it("admits again after the time it named, and everything after two windows", async () => {
    const charter = await start();
    const key = await keyOf(charter, "observer");
    await statuses(charter, 20, "/governance/info", { key });
    const refused = await charter.ask("/governance/info", { key });
    nowMs += Number(refused.headers.get("retry-after")) * 1000;
    expect((await charter.ask("/governance/info", { key })).status).toBe(200);
    nowMs += 120_000;
    expect(fieldsOf(await charter.ask("/governance/info", { key }))).toMatchObject({ r: 19, t: 60 });
  });

  it("counts each caller alone, also where their address is the same", async () => {
    const charter = await start();
    const [greedy, modest] = [await keyOf(charter, "observer"), await keyOf(charter, "observer")];
    await statuses(charter, 25, "/governance/info", { key: greedy });
    expect(await statuses(charter, 20, "/governance/info", { key: modest })).toEqual(repeat(20, 200));
  });

  it("counts what the caller may not do", async () => {
    const charter = await start();
    const key = await keyOf(charter, "observer");
    const seen = await statuses(charter, 21, "/v1/keys", { key, body: { kind: "auditor" } });
    expect(seen).toEqual([...repeat(20, 403), 429]);
  });

  it("multiplies the limits by the factor", async () => {
    const charter = await start([], 3);
    const key = await keyOf(charter, "observer");
    expect(await statuses(charter, 61, "/governance/info", { key })).toEqual([...repeat(60, 200), 429]);
  });
});

describe("callers without a good credential", () => {
  it("are counted together by address: no credential and a bad one, but not paths that do not exist", async () => {
    const charter = await start();
    const bad = "charter_ad_00000000_".padEnd(63, "A");
    expect((await charter.ask("/governance/info", { key: null })).status).toBe(401);
    expect((await charter.ask("/governance/info", { key: bad })).status).toBe(401);
    expect((await charter.ask("/no/such/path", { key: null })).status).toBe(404);
    expect((await charter.ask("/no/such/path", { key: charter.adminKey, body: { a: 1 } })).status).toBe(404);
    expect((await charter.ask("/", { key: null })).status).toBe(200);
    expect((await charter.ask("/", { key: null })).status).toBe(200);
    const last = await charter.ask("/v1/artifacts", { key: null });
    expect(last.status).toBe(401);
    expect(fieldsOf(last)).toMatchObject({ policy: "anonymous", q: 5, w: 60, r: 0 });
    for (const [path, key] of [
      ["/governance/info", null],
      ["/v1/artifacts", bad],
      ["/", null],
    ] as const) {
      const refused = await charter.ask(path, { key });
      expect(refused.status, path).toBe(429);
      // Its form is the operation's: a problem, an error of OAuth, or the page of the form.
      expect(refused.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    }
    expect((await charter.ask("/no/such", { key: null, method: "PUT", body: "x" })).status).toBe(404);
    // Whoever shows a good credential is no stranger, wherever it calls from.
    expect((await charter.ask("/governance/info")).status).toBe(200);
  });

  it("get 404 at once for as many missing paths as they like, with a good key or none, and lose nothing by it", async () => {
    const charter = await start();
    const key = await keyOf(charter, "observer");
    for (const shown of [key, null]) {
      for (const ask of [
        { body: { a: 1 } },
        { method: "PUT", body: "x", headers: { "content-type": "multipart/form-data" } },
      ]) {
        const startMs = performance.now();
        const answers = await Promise.all(
          Array.from({ length: 12 }, () => charter.ask("/v1/messages/count_tokenz", { key: shown, ...ask })),
        );
        expect(answers.map(({ status }) => status)).toEqual(repeat(12, 404));
        expect(answers.every(({ headers }) => !headers.has("retry-after") && !headers.has("ratelimit"))).toBe(true);
        expect(performance.now() - startMs).toBeLessThan(5000);
      }
    }
    expect(await statuses(charter, 5, "/", { key: null })).toEqual(repeat(5, 200));
    expect(await statuses(charter, 20, "/governance/info", { key })).toEqual(repeat(20, 200));
  });

  it("flood the server with missing paths no faster than with anything else that is refused", async () => {
    const charter = await start();
    const startMs = performance.now();
    expect(await statuses(charter, 150, "/v1/messages/count_tokenz", { key: null })).toEqual(repeat(150, 404));
    expect(performance.now() - startMs).toBeGreaterThan(900);
  });

  it("see with HEAD whether the server answers, as often as they like", async () => {
    const charter = await start();
    expect(await statuses(charter, 12, "/", { key: null, method: "HEAD" })).toEqual(repeat(12, 200));
    expect(await statuses(charter, 5, "/", { key: null })).toEqual(repeat(5, 200));
  });

  it("cannot use up another address's calls", async () => {
    const charter = await start();
    await statuses(charter, 6, "/", { key: null });
    const { port } = new URL(charter.url);
    const [answer] = (await once(
      request({ port, host: "127.0.0.1", localAddress: "127.0.0.2", path: "/" }).end(),
      "response",
    )) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(200);
  });

  it("read the public ledger under a limit of its own", async () => {
    const charter = await start([[["rateLimits", "public", "perAddress"], 7]]);
    await statuses(charter, 6, "/", { key: null });
    const seen = await statuses(charter, 8, "/ledger/checkpoint", { key: null });
    expect(seen).toEqual([...repeat(7, 200), 429]);
  });

  it("probe as often as they like", async () => {
    const charter = await start();
    for (const path of ["/health", "/ready"]) {
      expect(await statuses(charter, 50, path, { key: null })).toEqual(repeat(50, 200));
      expect((await charter.ask(path, { key: null })).headers.has("ratelimit")).toBe(false);
    }
  });
});

describe("proving who one is", () => {
  const classes = [
    { rate: "auth", limit: 5, windowSeconds: 60 },
    { rate: "register", limit: 5, windowSeconds: 3600 },
    { rate: "reset", limit: 3, windowSeconds: 3600 },
  ] as const;

  it.each(classes)("admits $limit of $rate from one address", async ({ rate, limit, windowSeconds }) => {
    const charter = await start();
    const counted = Object.values<Operation>(operations).filter((row) => row.rate === rate);
    expect(counted).not.toHaveLength(0);
    for (let i = 0; i < limit; i++) {
      const { method, path } = counted[i % counted.length] as Operation;
      const answer = await charter.ask(path, { method, key: null, ...(method === "GET" ? {} : { body: {} }) });
      expect(answer.status, path).not.toBe(429);
      expect(fieldsOf(answer)).toMatchObject({ policy: rate, q: limit, w: windowSeconds, r: limit - 1 - i });
    }
    for (const { method, path } of counted) {
      // Whoever it is: a good credential is no way around it.
      const refused = await charter.ask(path, { method, ...(method === "GET" ? {} : { body: {} }) });
      expect(refused.status, path).toBe(429);
      // Its form is the operation's: a problem, an error of OAuth, or the page of the form.
      expect(refused.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
      expect(fieldsOf(refused)).toMatchObject({ policy: rate, r: 0 });
    }
    expect((await charter.ask("/governance/info")).status).toBe(200);
  });
});

describe("the token endpoint", () => {
  it("admits five passwords a minute, as a login does, and goes on to serve clients up to sixty requests", async () => {
    const charter = await start();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const send = (body: string) => charter.ask("/api/v1/auth/token", { key: null, headers, body });
    const passwords = "grant_type=password&username=nobody&password=wrong";
    for (let i = 0; i < 5; i++) expect((await send(passwords)).status).toBe(400);
    const refused = await send(passwords);
    expect([refused.status, refused.json.error]).toEqual([429, "temporarily_unavailable"]);
    expect(fieldsOf(refused)).toMatchObject({ policy: "auth", r: 0 });
    const login = await charter.ask("/api/v1/auth/login", {
      key: null,
      body: { username: "nobody", password: "wrong" },
    });
    expect(login.status).toBe(429);
    for (let i = 6; i < 60; i++)
      expect((await send("grant_type=client_credentials&client_id=none")).status).not.toBe(429);
    expect(fieldsOf(await send(""))).toMatchObject({ policy: "token", r: 0 });
    expect((await send("grant_type=client_credentials&client_id=none")).status).toBe(429);
  });
});

describe("the data plane", () => {
  const numbers = [
    [["rateLimits", "data", "perKey"], 6],
    [["rateLimits", "data", "perProduct"], 9],
  ] as const;

  it("counts by key, and by product for all its keys", async () => {
    const charter = await start(numbers);
    const [one, two, three] = [
      await keyOf(charter, "developer"),
      await keyOf(charter, "developer"),
      await keyOf(charter, "developer"),
    ];
    const other = await keyOf(charter, "developer", "GURUKUL");
    expect(await statuses(charter, 8, "/v1/artifacts", { key: one })).toEqual([...repeat(6, 200), 429, 429]);
    expect(await statuses(charter, 4, "/v1/artifacts", { key: two })).toEqual([...repeat(3, 200), 429]);
    const refused = await charter.ask("/v1/artifacts", { key: three });
    expect(refused.status).toBe(429);
    expect(fieldsOf(refused)).toMatchObject({ policy: "data-product", q: 9, r: 0 });
    expect(await statuses(charter, 6, "/v1/artifacts", { key: other })).toEqual(repeat(6, 200));
    // The control plane is another matter.
    expect((await charter.ask("/governance/info", { key: one })).status).toBe(200);
  });

  it("records and stores nothing of what it refuses", async () => {
    const charter = await start(numbers);
    const key = await keyOf(charter, "developer");
    expect(await statuses(charter, 6, "/v1/artifacts", { key, body: envelope() })).toEqual(repeat(6, 201));
    const size = await charter.ledgerSize();
    expect(await statuses(charter, 10, "/v1/artifacts", { key, body: envelope() })).toEqual(repeat(10, 429));
    expect(await charter.ledgerSize()).toBe(size);
  });

  it("refuses before the body comes, and serves the next request on the same connection", async () => {
    const charter = await start(numbers);
    const key = await keyOf(charter, "developer");
    await statuses(charter, 6, "/v1/artifacts", { key });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { port } = new URL(charter.url);
    const send = (method: string, path: string, credential: string, bytes = 0): ClientRequest =>
      request({
        agent,
        port,
        host: "127.0.0.1",
        method,
        path,
        headers: {
          authorization: `Bearer ${credential}`,
          ...(bytes > 0 ? { "content-type": "application/json", "content-length": bytes } : {}),
        },
      });
    const half = 300_000;
    const upload = send("POST", "/v1/artifacts", key, 2 * half);
    upload.flushHeaders();
    const [refused] = (await once(upload, "response")) as [IncomingMessage];
    expect(refused.statusCode).toBe(429);
    const { localPort } = refused.socket;
    refused.resume();
    // The client finishes what it was about to say; nobody reads it, and the connection stays good.
    upload.write(Buffer.alloc(half));
    upload.end(Buffer.alloc(half));
    await once(refused, "end");
    const [next] = (await once(send("GET", "/governance/info", key).end(), "response")) as [IncomingMessage];
    expect(next.statusCode).toBe(200);
    expect(next.socket.localPort).toBe(localPort);
    next.resume();
    agent.destroy();
  });
});

describe("a deliberation", () => {
  it("is admitted ten times a minute for each key, and takes nothing of what else the key may call", async () => {
    const charter = await start();
    const [one, two] = [await keyOf(charter, "developer"), await keyOf(charter, "developer")];
    const path = "/api/v1/consciousness/process";
    // An empty body is refused for its form, and counts.
    expect(await statuses(charter, 11, path, { key: one, body: {} })).toEqual([...repeat(10, 400), 429]);
    const refused = await charter.ask(path, { key: one, body: {} });
    expect(fieldsOf(refused)).toMatchObject({ policy: "deliberation", q: 10, r: 0 });
    expect(refused.json).toMatchObject({ code: "rate.exceeded", limit: "deliberation" });
    expect((await charter.ask("/governance/info", { key: one })).status).toBe(200);
    expect((await charter.ask(path, { key: two, body: {} })).status).toBe(400);
    nowMs += 2 * 60_000;
    expect((await charter.ask(path, { key: one, body: {} })).status).toBe(400);
  });
});

describeWith(["redis"], "several servers with one Redis", () => {
  const factor = 20;
  const limit = 5 * factor;

  /** How many of so many registrations, which all are refused for their form, were not refused for their number. */
  async function admitted(server: CharterProcess, times: number): Promise<number> {
    const replies = await Promise.all(
      Array.from({ length: times }, () => server.ask("/api/v1/auth/register", { key: null, body: {} })),
    );
    for (const { status, bytes } of replies) expect([400, 429], bytes.toString()).toContain(status);
    return replies.filter(({ status }) => status !== 429).length;
  }

  it("admit one limit together, and one each while the Redis is gone", async () => {
    await using redis = await startRedis();
    const dir = await mkdtemp(join(tmpdir(), "charter-rates-"));
    open.push({ [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) });
    const servers = await Promise.all(
      ["a", "b", "c"].map(async (name) => {
        // A machine that is busy with other tests must change neither who counts nor who is served.
        const patience = ["--redis-timeout-ms", "30000", "--max-event-loop-delay-ms", "0"];
        const args = ["--rate-factor", String(factor), "--redis", redis.url, ...patience];
        const server = await spawnCharter({ dataDir: join(dir, name), args });
        open.push(server);
        return server;
      }),
    );
    const first = await Promise.all(servers.map((server) => admitted(server, 20)));
    expect(first).toEqual([20, 20, 20]);
    const together = await Promise.all(servers.map((server) => admitted(server, limit)));
    expect(together.reduce((sum, each) => sum + each, 0)).toBe(limit - 60);

    await redis.kill();
    const before = together.map((each) => each + 20);
    const alone = await Promise.all(servers.map((server) => admitted(server, limit)));
    // Each goes on from what it had admitted itself.
    expect(alone.map((each, i) => each + (before[i] ?? 0))).toEqual([limit, limit, limit]);
    for (const server of servers) {
      expect((await server.ask("/governance/info")).status).toBe(200);
      expect(server.log().match(/Redis does not answer: rate limits/g)).toHaveLength(1);
      expect(server.log()).not.toContain(new URL(redis.url).password);
    }
  });
});
