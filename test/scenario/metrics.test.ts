// Metrics of a whole Charter: what is done over HTTP moves the figures of every domain, and GET /metrics shows them.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderMetricsDoc } from "../../scripts/metrics-doc.ts";
import { constitutionWith } from "../support/app/constitution.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { samplesOf, total } from "../support/gateway/scripted-calls.ts";
import type { Sample } from "../support/gateway/scripted-calls.ts";
import { personAt, postForm } from "../support/identity/oauth.ts";

/** Refusals after which a credential is suspended. */
const refusalsMax = 10;
let root = "";
let charter: TestCharter;
let product: string;
let auditor: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "charter-metrics-"));
  const constitution = await constitutionWith(join(root, "constitution"), [[["limits", "refusalsMax"], refusalsMax]]);
  charter = await startTestCharter({ flags: { constitution } });
  product = await charter.keyFor("product", "AI_ASSISTANT");
  auditor = await charter.keyFor("auditor");
});
afterAll(async () => {
  await charter[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const read = async (): Promise<readonly Sample[]> => samplesOf((await charter.ask("/metrics", { key: auditor })).text);

/** By how much the figures change while something is done; a connection is counted a moment after its answer. */
async function changes(act: () => Promise<unknown>) {
  const before = await read();
  await act();
  await sleep(20);
  const after = await read();
  return (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    total(after, name, labels) - total(before, name, labels);
}

describe("the metrics of an artifact", () => {
  it("move in the depository, the ledger, the database, the gate, identity and at the door", async () => {
    const by = await changes(async () => {
      const stored = await charter.ask("/v1/artifacts", { key: product, body: envelope() });
      expect(stored.status).toBe(201);
      const { artifact_id: id } = stored.json.artifact;
      const content = await charter.ask(`/v1/artifacts/${id}/content`, { key: product });
      expect(content.text).toBe('{"said":"hello"}');
    });
    expect(by("charter_depository_puts_total", { result: "stored" })).toBe(1);
    expect(by("charter_depository_put_duration_seconds_count")).toBe(1);
    expect(by("charter_depository_stored_bytes_total")).toBe(16);
    expect(by("charter_depository_read_bytes_total")).toBe(16);
    expect(by("charter_depository_read_duration_seconds_count")).toBe(1);
    expect(by("charter_depository_used_bytes", { charter_product: "AI_ASSISTANT" })).toBe(16);
    expect(by("charter_depository_artifacts", { charter_product: "AI_ASSISTANT" })).toBe(1);
    expect(by("charter_depository_held_bytes")).toBe(0);
    expect(by("charter_ledger_leaves_total", { kind: "intent" })).toBe(1);
    expect(by("charter_ledger_leaves_total", { kind: "outcome" })).toBe(1);
    expect(by("charter_ledger_entries")).toBe(2);
    expect(by("charter_ledger_append_duration_seconds_count")).toBe(2);
    expect(by("charter_ledger_append_duration_seconds_sum")).toBeGreaterThan(0);
    expect(by("charter_ledger_commit_duration_seconds_count")).toBe(2);
    expect(by("charter_ledger_written_bytes_total")).toBeGreaterThan(200);
    expect(by("charter_db_transaction_duration_seconds_count", { durability: "durable" })).toBeGreaterThanOrEqual(2);
    expect(by("charter_db_commit_duration_seconds_count")).toBeGreaterThanOrEqual(2);
    expect(by("charter_governance_act_duration_seconds_count", { outcome: "committed" })).toBe(1);
    expect(by("charter_governance_decisions_total", { action: "CREATE", decision: "allow" })).toBeGreaterThanOrEqual(1);
    expect(by("charter_governance_decisions_total", { action: "READ", decision: "allow" })).toBeGreaterThanOrEqual(1);
    expect(by("charter_identity_credential_checks_total", { kind: "key", result: "good" })).toBeGreaterThanOrEqual(3);
    expect(by("charter_identity_key_lookups_total", { result: "hit" })).toBeGreaterThanOrEqual(1);
    expect(by("charter_identity_rate_limit_checks_total", { policy: "data", result: "admitted" })).toBe(2);
    const created = { charter_operation: "artifact.create", method: "POST", status: "2xx" };
    expect(by("charter_http_requests_total", created)).toBe(1);
    expect(by("charter_http_request_duration_seconds_count", { charter_operation: "artifact.create" })).toBe(1);
    expect(by("charter_http_received_bytes_total", { charter_operation: "artifact.create" })).toBeGreaterThan(100);
    expect(by("charter_http_sent_bytes_total", { charter_operation: "artifact.create" })).toBeGreaterThan(500);
  });

  it("tell a replayed artifact from a stored one", async () => {
    const store = () =>
      charter.ask("/v1/artifacts", {
        key: product,
        headers: { "idempotency-key": "once" },
        body: envelope({ payload: { said: "once" } }),
      });
    const by = await changes(async () => {
      for (const status of [201, 200]) expect((await store()).status).toBe(status);
    });
    expect(by("charter_depository_puts_total", { result: "stored" })).toBe(1);
    expect(by("charter_depository_puts_total", { result: "replayed" })).toBe(1);
  });
});

describe("the metrics of what is refused", () => {
  it("count it by code, where it was refused and at the door", async () => {
    const by = await changes(async () => {
      const fields = { artifact_type: "NoSuchType" };
      expect((await charter.ask("/v1/artifacts", { key: product, body: envelope(fields) })).status).toBe(403);
      expect((await charter.ask("/v1/keys", { key: "charter_wrong" })).status).toBe(401);
      expect((await charter.ask("/v1/keys", { key: null })).status).toBe(401);
      expect((await charter.ask("/no/such/path")).status).toBe(404);
      const gone = "0193f0a0-0000-7000-8000-000000000000";
      expect((await charter.ask(`/v1/artifacts/${gone}/content`, { key: product })).status).toBe(404);
    });
    expect(by("charter_depository_puts_total", { result: "refused" })).toBe(1);
    expect(by("charter_depository_put_errors_total", { error_type: "other" })).toBe(1);
    expect(by("charter_governance_act_duration_seconds_count", { outcome: "refused" })).toBe(1);
    expect(by("charter_governance_refusals_total")).toBe(1);
    expect(by("charter_governance_findings_total")).toBeGreaterThanOrEqual(1);
    expect(by("charter_identity_credential_checks_total", { kind: "key", result: "bad" })).toBe(1);
    expect(by("charter_http_refusals_total", { error_type: "credential.invalid" })).toBe(1);
    expect(by("charter_http_refusals_total", { error_type: "credential.missing" })).toBe(1);
    expect(by("charter_http_refusals_total", { error_type: "route.not_found" })).toBe(1);
    expect(by("charter_http_refusals_total", { error_type: "artifact.not_found" })).toBe(1);
    expect(by("charter_http_requests_total", { charter_operation: "none", status: "4xx" })).toBe(1);
    expect(by("charter_http_requests_total", { charter_operation: "key.list", status: "4xx" })).toBe(2);
  });

  it("count threats, and halts by what they stop", async () => {
    const { json: stubborn } = await charter.ask("/v1/keys", { body: { kind: "ai_agent", product: "GURUKUL" } });
    const artifact = await charter.ask("/v1/artifacts", { key: product, body: envelope({ payload: "kept" }) });
    const path = `/v1/artifacts/${artifact.json.artifact.artifact_id}`;
    const by = await changes(async () => {
      for (let i = 0; i < refusalsMax; i++) await charter.ask(path, { method: "DELETE", key: stubborn.key });
    });
    expect(by("charter_governance_decisions_total", { action: "DELETE", decision: "deny" })).toBe(refusalsMax);
    expect(by("charter_governance_act_duration_seconds_count", { outcome: "refused" })).toBe(refusalsMax);
    expect(by("charter_governance_findings_total", { threat: "gate.repeated_refusal" })).toBe(1);
    expect(by("charter_ledger_leaves_total", { kind: "finding" })).toBeGreaterThanOrEqual(1);
    expect(by("charter_governance_halts", { scope: "credential" })).toBe(1);
    expect(by("charter_governance_halts")).toBe(1);
  });
});

describe("the metrics of people and of money", () => {
  it("count sign-ins by how they ended", async () => {
    const person = await personAt(charter);
    const login = (password: string) =>
      postForm(charter, "/api/v1/auth/token", { grant_type: "password", username: person.username, password });
    const by = await changes(async () => {
      expect((await login(person.password)).status).toBe(200);
      expect((await login("wrong wrong wrong")).status).toBe(400);
    });
    expect(by("charter_identity_sign_ins_total", { outcome: "ok" })).toBe(1);
    expect(by("charter_identity_sign_ins_total", { outcome: "auth.invalid" })).toBe(1);
    expect(by("charter_identity_sign_in_duration_seconds_count")).toBe(2);
  });

  it("count reservations, what became of them, and refusals", async () => {
    const claim = (tokens: number) =>
      charter.ask("/api/v1/budget/request", {
        key: product,
        body: { purpose: "plan", estimated_tokens: tokens, model: "small", task: "task-1", project: "p" },
      });
    const by = await changes(async () => {
      const { json } = await claim(100);
      const commit = { request_id: json.request_id, actual_tokens: 60 };
      expect((await charter.ask("/api/v1/budget/commit", { key: product, body: commit })).status).toBe(200);
      expect((await claim(100_000_000)).json.approved).not.toBe(true);
    });
    expect(by("charter_budget_reserve_duration_seconds_count", { kind: "claim" })).toBe(1);
    expect(by("charter_budget_settle_duration_seconds_count", { kind: "claim", end: "settled" })).toBe(1);
    expect(by("charter_budget_refusals_total", { kind: "claim", error_type: "budget.insufficient" })).toBe(1);
  });

  it("count a call of a model in the gateway and in budgets", async () => {
    const by = await changes(async () => {
      const body = { model: "auto", messages: [{ role: "user", content: "Say hello." }] };
      expect((await charter.ask("/v1/chat/completions", { key: product, body })).status).toBe(200);
    });
    expect(by("charter_calls_total", { charter_operation: "chat.create", charter_outcome: "ok" })).toBe(1);
    expect(by("charter_budget_reserve_duration_seconds_count", { kind: "call" })).toBe(1);
    expect(by("charter_budget_settle_duration_seconds_count", { kind: "call", end: "settled" })).toBe(1);
    expect(by("charter_budget_open_calls")).toBe(0);
  });
});

describe("all metrics", () => {
  it("say what state the server is in", async () => {
    const samples = await read();
    expect(total(samples, "charter_ledger_state", { state: "open" })).toBe(1);
    expect(total(samples, "charter_ledger_state")).toBe(1);
    expect(total(samples, "charter_http_in_flight_requests")).toBeGreaterThanOrEqual(1);
    expect(total(samples, "charter_http_connections")).toBeGreaterThanOrEqual(1);
    expect(total(samples, "charter_governance_open_calls")).toBeGreaterThanOrEqual(1);
    expect(total(samples, "charter_depository_writes_paused")).toBe(0);
    expect(total(samples, "charter_depository_quota_bytes", { charter_product: "AI_ASSISTANT" })).toBeGreaterThan(0);
    expect(total(samples, "process_memory_usage_bytes")).toBeGreaterThan(1_000_000);
  });

  it("are explained, named by their kind and unit, and listed in the document", async () => {
    const { text, headers } = await charter.ask("/metrics", { key: auditor });
    expect(headers.get("content-type")).toMatch(/^text\/plain/);
    const help = new Map([...text.matchAll(/^# HELP (\w+) (.+)$/gm)].map(([, name, words]) => [name, words]));
    const kinds = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, kind]) => [name, kind]));
    expect(kinds.size).toBeGreaterThan(70);
    for (const [name = "", kind] of kinds) {
      expect(help.get(name), name).toMatch(/^.+[.]$/);
      expect(name).toMatch(/^(charter|gen_ai|nodejs|process)_[a-z0-9_]+$/);
      expect(name.endsWith("_total"), name).toBe(kind === "counter");
      if (kind === "histogram") expect(name).toMatch(/_(seconds|bytes)$|_per_output_chunk_seconds$/);
      expect(name).not.toMatch(/_(ms|millis|milliseconds|kb|mb|percent)(_|$)/);
      if (/duration|delay|time/.test(name)) expect(name).toMatch(/_seconds(_total)?$/);
    }
    const listed = [...renderMetricsDoc().matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    expect(new Set(listed)).toEqual(new Set(kinds.keys()));
    expect(listed.length).toBe(kinds.size);
  });

  it("hold no id, no address and nothing that a caller made up", async () => {
    for (let i = 0; i < 20; i++) {
      await charter.ask(`/made-up-${i}`, { method: "PUT", headers: { "x-made-up": `made-up-${i}` } });
      await charter.ask("/v1/artifacts", { key: product, body: envelope({ artifact_type: `made-up-${i}` }) });
      await charter.ask("/v1/chat/completions", { key: product, body: { model: `made-up-${i}`, messages: [] } });
    }
    const samples = await read();
    const values = new Set(samples.flatMap(({ labels }) => Object.values(labels)));
    for (const value of values) {
      expect(value).not.toMatch(/made-up|key_|usr_|[0-9a-f]{8}-|127[.]0[.]0[.]1|::1/);
      expect(value.length).toBeLessThanOrEqual(64);
    }
    const names = new Set(samples.flatMap(({ labels }) => Object.keys(labels)));
    const own = ["action", "decision", "durability", "end", "error_type", "kind", "le", "method", "outcome", "policy"];
    const known = [...own, "result", "scope", "severity", "state", "status", "threat"];
    for (const name of names) if (!known.includes(name)) expect(name).toMatch(/^(charter|gen_ai)_/);
    expect(samples.length).toBeLessThan(5000);
  });

  it("are read by those who may, and by nobody that belongs to a product", async () => {
    expect((await charter.ask("/metrics", { key: null })).status).toBe(401);
    expect((await charter.ask("/metrics", { key: product })).status).toBe(403);
    expect((await charter.ask("/metrics")).status).toBe(200);
  });
});
