// Every operation of the HTTP API, in one list. A route exists only under a name from here, and the coverage walk holds
// each name to what its row says: who may call it, with which permission, how often, and whether it leaves leaves in the
// ledger.
import type { Permission } from "../kernel/ctx.ts";

/** What an operation does to the world: nothing, or something that must go through the gate. */
export type Effect = "read" | "mutation";

/**
 * Who may call an operation. `key`: a credential whose role has the operation's permission. `self`: any credential, and the
 * operation concerns the caller's own identity only. `public`: anyone.
 */
export type Access = "key" | "self" | "public";

/** What counts the calls of an operation; the numbers stand in the constitution. */
export type RateClass = "control" | "data" | "public" | "auth" | "register" | "reset" | "probe";

/** One operation. */
export interface Operation {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path in OpenAPI form: `{id}` is a parameter, `{path}` at the end takes the rest. */
  readonly path: string;
  readonly effect: Effect;
  readonly access: Access;
  /** What the caller's role must have; null where `access` is not `key`. */
  readonly permission: Permission | null;
  readonly rate: RateClass;
  /** Why no permission is needed. */
  readonly why?: string;
}

type Verb = Operation["method"];

/** Reads with a permission. */
const read = (path: string, permission: Permission, rate: RateClass = "control"): Operation => ({
  method: "GET",
  path,
  effect: "read",
  access: "key",
  permission,
  rate,
});
/** The same by HEAD. */
const head = (path: string, permission: Permission, rate: RateClass): Operation => ({
  ...read(path, permission, rate),
  method: "HEAD",
});
/** Changes with a permission. */
const change = (method: Verb, path: string, permission: Permission, rate: RateClass = "control"): Operation => ({
  method,
  path,
  effect: "mutation",
  access: "key",
  permission,
  rate,
});
/** What anyone may do, and why. */
const open = (
  path: string,
  why: string,
  rate: RateClass,
  method: Verb = "GET",
  effect: Effect = "read",
): Operation => ({
  method,
  path,
  effect,
  access: "public",
  permission: null,
  rate,
  why,
});
const probes = "probes carry no credential and the answer names no product";
const strangers = "a stranger must be able to verify the log; hashes and signatures reveal no record";

/** All operations by name. */
export const operations = {
  "index.read": open("/", "a signpost: names the API and where its description is", "control"),
  "openapi.read": open("/openapi.json", "the API's description holds no data", "control"),
  "health.read": open("/health", probes, "probe"),
  "ready.read": open("/ready", probes, "probe"),

  "ledger.checkpoint": open("/ledger/checkpoint", strangers, "public"),
  "ledger.verifier_key": open("/ledger/verifier-key", strangers, "public"),
  "ledger.public_key": open("/ledger/public.pem", strangers, "public"),
  "ledger.tile": open("/ledger/tile/{level}/{path}", strangers, "public"),
  "ledger.proof": open("/ledger/proof/{index}", strangers, "public"),
  "ledger.bundle": read("/ledger/tile/entries/{path}", "metrics.view", "data"),
  "ledger.entries": read("/ledger/entries", "metrics.view", "data"),

  "governance.info": read("/governance/info", "metrics.view"),
  "halt.list": read("/v1/halts", "metrics.view"),
  "halt.clear": change("POST", "/v1/halts/{scope}/clear", "escalation.resolve"),
  "storage.capacity": read("/metrics/storage-capacity", "metrics.view"),

  "key.create": change("POST", "/v1/keys", "system.admin"),
  // Whose kind may read keys at all is for the constitution to say: admins and auditors.
  "key.list": read("/v1/keys", "agent.view"),
  "key.revoke": change("DELETE", "/v1/keys/{id}", "system.admin"),

  "artifact.create": change("POST", "/v1/artifacts", "task.create", "data"),
  "bucket.write": change("POST", "/bucket/write", "task.create", "data"),
  "artifact.list": read("/v1/artifacts", "task.view", "data"),
  "artifact.read": read("/v1/artifacts/{id}", "task.view", "data"),
  "artifact.head": head("/v1/artifacts/{id}", "task.view", "data"),
  "artifact.content": read("/v1/artifacts/{id}/content", "task.view", "data"),
  "artifact.content_head": head("/v1/artifacts/{id}/content", "task.view", "data"),
  "artifact.proof": read("/v1/artifacts/{id}/proof", "task.view", "data"),
  "artifact.lineage": read("/v1/artifacts/{id}/lineage", "task.view", "data"),
  "artifact.hold": change("POST", "/v1/artifacts/{id}/hold", "escalation.resolve"),
  "artifact.replace": change("PUT", "/v1/artifacts/{id}", "task.update"),
  "artifact.update": change("PATCH", "/v1/artifacts/{id}", "task.update"),
  "artifact.delete": change("DELETE", "/v1/artifacts/{id}", "task.delete"),
  "product.list": read("/v1/products", "task.view"),
  "depository.scrub": read("/v1/scrub", "metrics.view"),
} as const satisfies Record<string, Operation>;

/** The name of an operation. */
export type OperationName = keyof typeof operations;
