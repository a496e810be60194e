// What becomes of acts that kill -9 cuts off, in every domain: one whose effect was durable is closed as `effect.applied`,
// and its effect is there; one that was killed before is closed as `effect.none`, and nothing of it is there. Of one for which a
// provider may have been asked no one knows: `effect.unknown`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modules } from "../../../src/app.ts";
import { operations } from "../../../src/http/operations.ts";
import type { Module } from "../../../src/kernel/module.ts";
import type { OperationName } from "../../../src/kernel/operation.ts";
import { envelope } from "../../support/app/in-process.ts";
import { spawnCharter } from "../../support/app/process.ts";
import type { CharterProcess, ProcessAsk } from "../../support/app/process.ts";

/** One act that is cut off. */
interface Case {
  readonly module: string;
  readonly operation: OperationName;
  /** Makes what the act is about; gives what the rest is told. */
  readonly prepare?: (server: CharterProcess, name: string) => Promise<string>;
  readonly ask: (made: string) => readonly [path: string, ask: ProcessAsk];
  /** Whether the effect is there; left out for an act whose effect lies in memory or is its answer. */
  readonly isThere?: (server: CharterProcess, made: string) => Promise<boolean>;
}

const list = async (server: CharterProcess, path: string): Promise<string> =>
  JSON.stringify((await server.ask(path)).json);
const holds = (path: string) => async (server: CharterProcess, made: string) =>
  (await list(server, path)).includes(made);
const made = async (_: CharterProcess, name: string): Promise<string> => name;
const artifact = async (server: CharterProcess, name: string): Promise<string> =>
  (await server.ask("/v1/artifacts", { body: envelope({ payload: name }) })).json.artifact.artifact_id;

const cases: readonly Case[] = [
  {
    module: "accounts",
    operation: "key.create",
    prepare: made,
    ask: (label) => ["/v1/keys", { body: { kind: "auditor", label } }],
    isThere: holds("/v1/keys?limit=200"),
  },
  {
    module: "accounts",
    operation: "key.create",
    prepare: made,
    ask: (label) => [
      "/v1/keys",
      { body: { kind: "auditor", label, budget: { unit: "tokens", window: "day", limit: 7 } } },
    ],
    // Both or neither.
    async isThere(server, label) {
      const { keys } = (await server.ask("/v1/keys?limit=200")).json as { keys: { label: string; budget: unknown }[] };
      const made = keys.find((each) => each.label === label);
      return made !== undefined && made.budget !== null;
    },
  },
  {
    module: "accounts",
    operation: "user.create",
    prepare: made,
    ask: (username) => ["/v1/users", { body: { username, email: `${username}@example.org`, kind: "auditor" } }],
    isThere: holds("/v1/users?limit=200"),
  },
  {
    module: "accounts",
    operation: "client.create",
    prepare: made,
    ask: (name) => [
      "/v1/clients",
      { body: { name, kind: "auditor", role: "observer", grant_types: ["client_credentials"] } },
    ],
    isThere: holds("/v1/clients?limit=200"),
  },
  {
    module: "accounts",
    operation: "session.login",
    async prepare(server, username) {
      const person = { username, email: `${username}@example.org`, kind: "auditor" };
      const { json } = await server.ask("/v1/users", { body: person });
      const change = { username, current_password: json.one_time_password, new_password: "a rather long phrase" };
      await server.ask("/api/v1/auth/password/change", { body: change, key: null });
      return username;
    },
    ask: (username) => ["/api/v1/auth/login", { body: { username, password: "a rather long phrase" }, key: null }],
    async isThere(server, username) {
      const { json } = await server.ask("/v1/users?limit=200");
      const user = json.users.find((each: { username: string }) => each.username === username);
      return typeof user.last_login_at === "string";
    },
  },
  {
    module: "depository",
    operation: "artifact.create",
    prepare: made,
    ask: (tag) => ["/v1/artifacts", { body: { ...envelope({ payload: tag }), tags: [tag] } }],
    isThere: async (server, tag) => (await list(server, `/v1/artifacts?tag=${tag}`)).includes(tag),
  },
  {
    module: "depository",
    operation: "artifact.hold",
    prepare: artifact,
    ask: (id) => [`/v1/artifacts/${id}/hold`, { body: { hold: true, reason: "kept for the audit" } }],
    async isThere(server, id) {
      return (await server.ask(`/v1/artifacts/${id}`)).json.legal_hold === true;
    },
  },
  {
    module: "governance",
    operation: "halt.clear",
    // Of a product that nothing else here is about: where the clearing is cut off, the halt stays.
    async prepare(server, name) {
      const body = envelope({ product_id: "WORKFLOW", artifact_type: "WorkflowArtifact", payload: name });
      const { json } = await server.ask("/v1/artifacts", { body });
      const key = await server.keyFor("executor", "WORKFLOW", "admin");
      if (json.artifact) await server.ask(`/v1/artifacts/${json.artifact.artifact_id}`, { method: "DELETE", key });
      return "WORKFLOW";
    },
    ask: (scope) => [`/v1/halts/${scope}/clear`, { body: { reason: "cleared after review" } }],
    isThere: async (server, scope) => !(await list(server, "/v1/halts")).includes(`"${scope}"`),
  },
  {
    module: "budgets",
    operation: "budget.set",
    prepare: made,
    ask: (project) => ["/v1/budgets", { body: { scope: { project }, unit: "tokens", window: "day", limit: 1000 } }],
    isThere: holds("/v1/budgets?limit=200"),
  },
  {
    module: "budgets",
    operation: "budget.request",
    prepare: made,
    ask: (task) => [
      "/api/v1/budget/request",
      {
        body: {
          product: "AI_ASSISTANT",
          request_id: task,
          task,
          purpose: "test",
          model: "small",
          estimated_tokens: 10,
        },
      },
    ],
    async isThere(server, task) {
      const body = { product: "AI_ASSISTANT", request_id: task, task };
      return (await server.ask("/api/v1/budget/release", { body })).status === 200;
    },
  },
  {
    module: "gateway",
    operation: "chat.create",
    prepare: made,
    ask: (content) => ["/v1/chat/completions", { body: { model: "auto", messages: [{ role: "user", content }] } }],
  },
  {
    module: "gateway",
    operation: "breaker.reset_all",
    ask: () => ["/api/v1/circuit-breakers/reset_all", { method: "POST" }],
  },
  {
    module: "responses",
    operation: "response.delete",
    prepare: async (server, input) => (await server.ask("/v1/responses", { body: { model: "auto", input } })).json.id,
    ask: (id) => [`/v1/responses/${id}`, { method: "DELETE" }],
    isThere: async (server, id) => (await server.ask(`/v1/responses/${id}`)).status === 404,
  },
  {
    module: "deliberation",
    operation: "consciousness.process",
    prepare: made,
    ask: (prompt) => ["/api/v1/consciousness/process", { body: { prompt } }],
  },
];

let dir: string;
let adminKey: string | undefined;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "charter-recovery-"));
  await writeFile(join(dir, "kill"), "");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function start(): Promise<CharterProcess> {
  const env = {
    NODE_OPTIONS: `--import=${resolve("test/support/app/kill-at.ts")}`,
    CHARTER_TEST_KILL: join(dir, "kill"),
  };
  const server = await spawnCharter({ dataDir: join(dir, "data"), env, ...(adminKey !== undefined && { adminKey }) });
  adminKey = server.adminKey;
  return server;
}

/** What the ledger says of the last act of an operation. */
async function outcomeOf(server: CharterProcess, operation: string): Promise<unknown> {
  const { json } = await server.ask(`/ledger/entries?operation=${operation}&kind=outcome&limit=200`);
  const { leaf } = json.entries.at(-1);
  return [leaf.outcome, leaf.code];
}

describe("an act that is cut off by kill -9", () => {
  it("is tried in every domain that changes anything", () => {
    const changing = (modules as readonly Module[]).filter(({ operations = {} }) =>
      Object.values(operations).some(({ effect }) => effect === "mutation"),
    );
    expect(new Set(cases.map(({ module }) => module))).toEqual(new Set(changing.map(({ name }) => name)));
    for (const { module, operation } of cases) {
      const { operations = {} } = (modules as readonly Module[]).find(({ name }) => name === module) ?? {};
      expect(Object.keys(operations)).toContain(operation);
    }
  });

  describe.each(cases)("$operation", ({ operation, prepare, ask, isThere }) => {
    it.each([
      ["after", "effect.applied"],
      ["before", "effect.none"],
    ] as const)("%s its effect is closed as %s", async (moment, code) => {
      await using killed = await start();
      const name = `${operation.replace(/\W/g, "-")}-${moment}`;
      const about = (await prepare?.(killed, name)) ?? name;
      await writeFile(join(dir, "kill"), `${operation} ${moment}`);
      const [path, request] = ask(about);
      await expect(killed.ask(path, request)).rejects.toThrow();
      await killed.exit;
      await writeFile(join(dir, "kill"), "");
      await using again = await start();
      const isDurable = isThere !== undefined && moment === "after";
      const isElsewhere = operations[operation].reachesOut === true;
      const undone = isElsewhere ? "effect.unknown" : "effect.none";
      expect(await outcomeOf(again, operation)).toEqual(["interrupted", isDurable ? code : undone]);
      if (isThere !== undefined) expect(await isThere(again, about)).toBe(isDurable);
      await again.stop();
    });
  });
});
