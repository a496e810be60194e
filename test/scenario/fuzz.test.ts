// Every operation of openapi.json, as the running server describes itself, is asked what its schemas admit and what they
// do not, by every kind of caller. Whatever comes, the answer is one that the document describes: its status, its headers,
// and a body inside its schema; a refusal says why; nothing fails inside, and nothing hangs. Operations that are added
// are covered without being named here.
import { Agent } from "node:http";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorCodes, operations as listed, statusOf } from "../../src/http/index.ts";
import { modelPaths } from "../../src/http/plugins/model-paths.ts";
import type { ErrorCode } from "../../src/http/index.ts";
import { contractOf, operationsOf, referred } from "../support/http/described-api.ts";
import type { ApiDocument, Contract, DescribedOperation, PlainAnswer } from "../support/http/described-api.ts";
import { draftsOf, fuzzed, Pool, send } from "../support/attack/fuzz-request.ts";
import type { Draft, Fuzzed } from "../support/attack/fuzz-request.ts";
import { mutatedDraftsOf } from "../support/attack/fuzz-mutation.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { announcedSeed } from "../support/app/process.ts";
import type { Resolve } from "../support/http/schema-arbitrary.ts";

/** Requests over all operations together; each gets its part. */
const budget = 8000;
/** Nothing here takes longer than a few milliseconds, so that this is a hang. */
const patienceMs = 60_000;
/** Longest hunt in one operation, milliseconds; one that hashes passwords would otherwise take most of the time. */
const huntMs = 3000;
const callers = ["admin", "product", "ai_agent", "auditor", "executor", "none"] as const;
type Caller = (typeof callers)[number];

let charter: TestCharter;
let document: ApiDocument;
let operations: readonly DescribedOperation[];
let agent: Agent;
let seed: number;
const keys = new Map<Caller, string | null>();

beforeAll(async () => {
  seed = announcedSeed("fuzz");
  charter = await startTestCharter();
  agent = new Agent({ keepAlive: true, maxSockets: 8 });
  document = (await charter.ask("/openapi.json", { key: null })).json;
  operations = operationsOf(document);
  await makeKeys();
});
afterAll(async () => {
  agent.destroy();
  await charter[Symbol.asyncDispose]();
});

async function makeKeys(): Promise<void> {
  keys.set("admin", charter.adminKey);
  keys.set("none", null);
  for (const kind of ["product", "ai_agent", "executor"] as const) {
    keys.set(kind, await charter.keyFor(kind, "AI_ASSISTANT"));
  }
  keys.set("auditor", await charter.keyFor("auditor"));
}

/** What the server knows before anything is asked. */
async function knownNames(): Promise<Pool> {
  const { json } = await charter.ask("/v1/keys?limit=1000");
  const own = json.keys.flatMap((key: { id: string; created_by: string }) => [key.id, key.created_by]);
  const pool = new Pool(new Set<string>(own));
  pool.learn({ product: "AI_ASSISTANT", type: "ConversationArtifact", tag: "t1", scope: ["AI_ASSISTANT", "*"] });
  pool.learn({ client_time: new Date().toISOString(), reason: "fuzzed for the suite", path: "000.p/1", level: "0" });
  pool.learn({ index: "0", used_gb: "750", response_type: "code", code_challenge_method: "S256" });
  pool.learn({ grant_type: ["password", "refresh_token", "client_credentials", "authorization_code"] });
  for (const payload of [1, 2]) pool.learn((await charter.ask("/v1/artifacts", { body: envelope({ payload }) })).json);
  return pool;
}

/** Routes of models are found under other spellings of their paths. */
const meant = modelPaths(Object.values(listed));

/** What is wrong with an answer; empty when nothing is. */
function complaints({ operation: asked, contract, all }: Hunt, request: Fuzzed, answer: PlainAnswer): string[] {
  const target = meant(request.target);
  const matching = all.filter((each) => each.method === request.method && matches(each.path, target));
  const found = [asked, ...matching].map((each) => contract.differences(each, answer));
  const forms = new Set([asked, ...matching].map((each) => errorForm(each, answer.status)));
  const best = isDoor(answer, matching.length > 0) ? [] : (found.find((each) => each.length === 0) ?? found[0] ?? []);
  return [...best, ...refusalComplaints(answer, forms, request.method === "HEAD")];
}

/** Whether a target without its query falls under a path of the document. */
function matches(path: string, target: string): boolean {
  const pattern = path
    .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    .replace("{path}", ".+")
    .replaceAll(/\{\w+\}/g, "[^/]*");
  return new RegExp(`^${pattern}$`).test(target.replace(/[?].*$/, ""));
}

/** Whether the door answered for itself, because no operation was named. */
function isDoor({ status, body }: PlainAnswer, namesOperation: boolean): boolean {
  if (namesOperation || ![400, 404, 405, 412, 415, 429].includes(status)) return false;
  return body.length === 0 || status !== 404 || body.includes('"route.not_found"');
}

/** Operations that a browser comes to, and that refuse it with a page. */
const pages: ReadonlySet<string> = new Set(["authorize.show", "authorize.approve"]);

/** In which form an operation may refuse with a status: problem+json, unless the document has the form of OAuth for it. */
function errorForm(operation: DescribedOperation, status: number): ErrorForm {
  if (pages.has(operation.operationId)) return "page";
  const response = operation.responses[status];
  if (!response) return "problem";
  const { content = {} } = (response.$ref === undefined ? response : referred(document, response.$ref)) as {
    content?: Record<string, { schema?: { $ref?: string; required?: string[] } }>;
  };
  const schema = content["application/json"]?.schema;
  if (!schema) return "problem";
  const plain = (schema.$ref === undefined ? schema : referred(document, schema.$ref)) as { required?: string[] };
  return plain.required?.includes("error") === true ? "oauth" : "problem";
}
type ErrorForm = "problem" | "oauth" | "page";

/** The error codes of RFC 6749 sections 4.1.2.1 and 5.2, RFC 7009 section 2.2.1, and OpenID Connect Core section 3.1.2.6. */
const oauthErrors: ReadonlySet<unknown> = new Set(
  [
    "invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope",
    "access_denied unsupported_response_type server_error temporarily_unavailable unsupported_token_type",
    "invalid_token insufficient_scope invalid_target interaction_required login_required consent_required",
    "account_selection_required invalid_request_uri",
  ].flatMap((line) => line.split(" ")),
);

function refusalComplaints(answer: PlainAnswer, forms: ReadonlySet<ErrorForm>, isHead: boolean): string[] {
  const { status, headers, body } = answer;
  const wrong: string[] = [];
  if (status >= 500 && status !== 503) wrong.push(`status ${status}`);
  if (status === 503 && headers["retry-after"] === undefined) wrong.push("503 without Retry-After");
  if (status === 429 && headers["retry-after"] === undefined) wrong.push("429 without Retry-After");
  if (headers["x-request-id"] === undefined) wrong.push("no X-Request-ID");
  if (headers["x-constitution-hash"] === undefined) wrong.push("no X-Constitution-Hash");
  if (status < 400 || isHead) return wrong;
  const type = String(headers["content-type"]);
  const said = jsonOf(body);
  if (forms.has("page") && type.startsWith("text/html")) return wrong;
  if (forms.has("oauth") && type.startsWith("application/json")) {
    if (!oauthErrors.has(said["error"])) wrong.push(`OAuth error ${JSON.stringify(said["error"])}`);
    return wrong;
  }
  if (!type.startsWith("application/problem+json")) return [...wrong, `a refusal as ${type}`];
  const code = said["code"] as ErrorCode;
  if (!(code in errorCodes)) wrong.push(`unknown code ${code}`);
  else if (statusOf[code] !== status || said["status"] !== status) wrong.push(`code ${code} with status ${status}`);
  if (said["request_id"] !== headers["x-request-id"]) wrong.push("request_id is not that of the header");
  return wrong;
}

function jsonOf(body: Buffer): Record<string, unknown> {
  try {
    return (JSON.parse(body.toString()) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** One operation and what it is held to. */
interface Hunt {
  readonly operation: DescribedOperation;
  readonly contract: Contract;
  /** Every operation of the document; a path that was bent can name another one. */
  readonly all: readonly DescribedOperation[];
  readonly pool: Pool;
  /** Every status that was seen, with a count. */
  readonly seen: Map<number, number>;
}

/** Asks many times; the first thing found wrong with its request made as small as possible, or undefined. */
async function hunt(one: Hunt, drafts: fc.Arbitrary<Draft>, numRuns: number): Promise<string | undefined> {
  const { operation, pool, seen } = one;
  // The last that fails is the smallest: what is tried after it passes.
  let failing = "";
  const property = fc.asyncProperty(drafts, fc.constantFrom(...callers), async (draft, caller) => {
    const request = fuzzed(operation, draft, pool, keys.get(caller) ?? null);
    const told = (end: string): string => `${operation.operationId}: ${end}\n  ${shown(caller, request)}`;
    const answer = await send(charter.url, agent, request, patienceMs).catch((error: Error) => {
      failing = told(error.message);
      throw error;
    });
    seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
    if (answer.status < 300) pool.learn(jsonOf(answer.body));
    const wrong = complaints(one, request, answer);
    if (wrong.length === 0) return;
    failing = `${told(wrong.join("; "))}\n  -> ${answer.status} ${answer.body.toString().slice(0, 500)}`;
    throw new Error(failing);
  });
  const run = await fc.check(property, { seed, numRuns, interruptAfterTimeLimit: huntMs });
  if (!run.failed) return undefined;
  return failing === "" ? String(run.errorInstance) : failing;
}

function shown(caller: Caller, { method, target, headers, body }: Fuzzed): string {
  const told = headers
    .filter(([name]) => name !== "authorization")
    .map(([name, value]) => `${name}: ${value.slice(0, 80)}`);
  return `${caller}: ${method} ${target.slice(0, 300)} {${told.join(", ")}} ${body?.toString("latin1").slice(0, 300) ?? ""}`;
}

/** Lets everything go on that the requests so far have brought to a stop. */
async function recover(): Promise<void> {
  const { json } = await charter.ask("/v1/halts");
  for (const { scope } of json?.halts ?? []) {
    await charter.ask(`/v1/halts/${scope}/clear`, { body: { reason: "halted by the fuzzer" } });
  }
  for (const [caller, key] of keys) {
    if (key !== null && (await charter.ask("/v1/artifacts?limit=1", { key })).status === 401) {
      throw new Error(`the key of ${caller} was revoked by the fuzzer itself`);
    }
  }
}

describe("the API under requests made from its own description", () => {
  it("answers what the description says and never fails inside", { timeout: 900_000 }, async () => {
    const resolve: Resolve = (schema) =>
      schema.$ref === undefined ? schema : resolve(referred(document, schema.$ref) as object);
    const contract = contractOf(document);
    const pool = await knownNames();
    const part = Math.max(20, Math.floor(budget / operations.length));
    const found: string[] = [];
    const untouched: string[] = [];
    for (const operation of operations) {
      const seen = new Map<number, number>();
      const one: Hunt = { operation, contract, all: operations, pool, seen };
      const wrong =
        (await hunt(one, draftsOf(operation, resolve), Math.ceil(part * 0.4))) ??
        (await hunt(one, mutatedDraftsOf(operation, resolve), Math.ceil(part * 0.6)));
      if (wrong !== undefined) found.push(wrong);
      const canSucceed = Object.keys(operation.responses).some((status) => status.startsWith("2"));
      if (canSucceed && ![...seen.keys()].some((status) => status < 300)) untouched.push(operation.operationId);
      if (process.env["CHARTER_FUZZ_SHOW"] !== undefined) {
        process.stderr.write(`${operation.operationId} ${JSON.stringify([...seen])}\n`);
      }
      await recover();
    }
    expect(found.join("\n\n"), `seed ${seed}`).toBe("");
    // An operation that refuses everything is tested at its door only.
    expect(untouched.length / operations.length, `never succeeded: ${untouched.join(", ")}`).toBeLessThan(0.4);
    expect(operations.length).toBeGreaterThan(30);
  });
});

// oxlint-disable-next-line typescript/no-explicit-any -- the plants reach into parts of every shape
type Part = Record<string, any>;

describe("the fuzzer itself", () => {
  /** A copy of the document in which one thing about the answer of `/health` is wrong. */
  function documentWith(change: (response: Part, operation: Part) => void): ApiDocument {
    const copy = structuredClone(document) as unknown as { paths: Record<string, Part> };
    const operation = copy.paths["/health"]!["get"];
    change(operation.responses["200"], operation);
    return copy as unknown as ApiDocument;
  }
  const schemaOf = (response: Part): Part => response["content"]["application/json"].schema;

  const plants: readonly (readonly [name: string, change: Parameters<typeof documentWith>[0], complaint: RegExp])[] = [
    [
      "a property that is not documented",
      (response) => delete schemaOf(response)["properties"].version,
      /additionalProperty/,
    ],
    [
      "a property that is not documented, where nothing is said about others",
      (response) => {
        delete schemaOf(response)["additionalProperties"];
        delete schemaOf(response)["properties"].version;
        schemaOf(response)["required"] = [];
      },
      /additionalProperty/,
    ],
    ["a property that is missing", (response) => schemaOf(response)["required"].push("uptime"), /uptime/],
    [
      "a value of another type",
      (response) => (schemaOf(response)["properties"].status = { type: "integer" }),
      /integer/,
    ],
    ["a status that is not documented", (_, operation) => delete operation["responses"]["200"], /status 200/],
    ["another media type", (response) => (response["content"] = { "text/plain": {} }), /media type/],
    [
      "a header that is missing",
      (response) => (response["headers"]["X-Level"] = { required: true, schema: { type: "string" } }),
      /X-Level/,
    ],
    [
      "a header of another form",
      (response) => (response["headers"]["X-Request-ID"] = { schema: { maxLength: 3 } }),
      /X-Request-ID/,
    ],
  ];

  it.each(plants)("notices %s", async (_name, change, complaint) => {
    const changed = documentWith(change);
    const huntIn = (all: readonly DescribedOperation[], contract: Contract): Promise<string | undefined> => {
      const operation = all.find(({ operationId }) => operationId === "health.read")!;
      const one: Hunt = { operation, contract, all, pool: new Pool(new Set()), seen: new Map() };
      return hunt(
        one,
        draftsOf(operation, (schema) => schema),
        3,
      );
    };
    expect(await huntIn(operationsOf(changed), contractOf(changed))).toMatch(complaint);
    expect(await huntIn(operations, contractOf(document))).toBeUndefined();
  });

  it("notices a refusal without a code, one with the status of another, and a failure inside", () => {
    const headers = { "content-type": "application/problem+json", "x-request-id": "r", "x-constitution-hash": "h" };
    const answer = (status: number, problem: object): PlainAnswer => ({
      status,
      headers,
      body: Buffer.from(JSON.stringify({ status, request_id: "r", ...problem })),
    });
    const problems = new Set(["problem"] as const);
    expect(refusalComplaints(answer(404, { code: "route.not_found" }), problems, false)).toEqual([]);
    expect(refusalComplaints(answer(404, { code: "no.such.code" }), problems, false)).toHaveLength(1);
    expect(refusalComplaints(answer(400, { code: "route.not_found" }), problems, false)).toHaveLength(1);
    expect(refusalComplaints(answer(500, { code: "internal.error" }), problems, false)).toHaveLength(1);
    expect(refusalComplaints(answer(503, { code: "server.not_ready" }), problems, false)).toHaveLength(1);
    expect(refusalComplaints({ ...answer(400, {}), headers: {} }, problems, false).length).toBeGreaterThan(2);
  });
});
