// Every operation of the HTTP API, in one list. A route exists only under a name from here, and the coverage walk holds
// each name to what its row says: who may call it, with which permission, how often, and whether it leaves leaves in the
// ledger.
import type { RateClass } from "../identity/index.ts";
import type { Permission } from "../kernel/ctx.ts";

/** What an operation does to the world: nothing, or something that must go through the gate. */
export type Effect = "read" | "mutation";

/**
 * Who may call an operation. `key`: a credential whose role has the operation's permission. `self`: any credential, and the
 * operation concerns the caller's own identity only. `public`: anyone.
 */
export type Access = "key" | "self" | "public";

/** One operation. */
export interface Operation {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path in OpenAPI form: `{id}` is a parameter, `{path}` at the end takes the rest. */
  readonly path: string;
  readonly effect: Effect;
  readonly access: Access;
  /** What the caller's role must have; null where `access` is not `key`. */
  readonly permission: Permission | null;
  /** What counts its calls; the numbers stand in the constitution. */
  readonly rate: RateClass;
  /** It is a read for those that may call models, whatever else their kind may read. */
  readonly forModelCallers?: true;
  /** The credential may come in `X-Api-Key` too, where clients of Anthropic's API put it. */
  readonly takesApiKey?: true;
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
/** What any credential may read, because it concerns the caller only. */
const self = (path: string, why: string, method: Verb = "GET", effect: Effect = "read"): Operation => ({
  method,
  path,
  effect,
  access: "self",
  permission: null,
  rate: "control",
  why,
});
/** Reads that go with calling models. */
const modelRead = (path: string, method: "GET" | "POST" = "GET"): Operation => ({
  ...read(path, "task.view", "data"),
  method,
  forModelCallers: true,
});
/** What clients of model APIs call. */
const client = (operation: Operation): Operation => ({ ...operation, takesApiKey: true });
const probes = "probes carry no credential and the answer names no product";
const newcomers = "whoever registers has no account yet";
const mailed = "the token in the body, which was mailed, proves whose account it is";
const proven = "the old password in the body proves whose account it is";
const forgetful = "whoever has forgotten the password has no credential; the answer tells nothing";
const strangers = "a stranger must be able to verify the log; hashes and signatures reveal no record";

const ownProof = "the request carries its own proof: a client's, a password or a refresh token";
const browsers = "a person comes here from an application and has no credential yet; a password is asked for";
const published = "clients and resource servers must find the endpoints and verify tokens; nothing here is secret";

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

  "auth.me": self("/api/v1/auth/me", "every caller may know who it is"),
  "user.register": open("/api/v1/auth/register", newcomers, "register", "POST", "mutation"),
  "user.verify": open("/api/v1/auth/verify", mailed, "auth", "POST", "mutation"),
  "password.change": open("/api/v1/auth/password/change", proven, "auth", "POST", "mutation"),
  "password.reset_request": open("/api/v1/auth/password-reset/request", forgetful, "reset", "POST", "mutation"),
  "password.reset_confirm": open("/api/v1/auth/password-reset/confirm", mailed, "auth", "POST", "mutation"),
  "user.create": change("POST", "/v1/users", "system.admin"),
  "user.import": change("POST", "/v1/users/import", "system.admin"),
  "user.list": read("/v1/users", "system.admin"),
  "user.read": read("/v1/users/{id}", "system.admin"),
  "user.update": change("PATCH", "/v1/users/{id}", "system.admin"),
  "user.disable": change("POST", "/v1/users/{id}/disable", "system.admin"),
  "user.enable": change("POST", "/v1/users/{id}/enable", "system.admin"),
  "user.reset_password": change("POST", "/v1/users/{id}/reset-password", "system.admin"),

  "token.issue": open("/api/v1/auth/token", ownProof, "token", "POST", "mutation"),
  "token.revoke": open("/api/v1/auth/revoke", ownProof, "control", "POST", "mutation"),
  "token.introspect": open("/api/v1/auth/introspect", ownProof, "public", "POST"),
  "session.login": open("/api/v1/auth/login", "the password in the body is the credential", "auth", "POST", "mutation"),
  "session.logout": self("/api/v1/auth/logout", "everybody may end the session they came with", "POST", "mutation"),
  "authorize.show": open("/api/v1/auth/authorize", browsers, "public"),
  "authorize.approve": open("/api/v1/auth/authorize", browsers, "auth", "POST", "mutation"),
  "oauth.metadata": open("/.well-known/oauth-authorization-server", published, "public"),
  "oauth.openid_metadata": open("/.well-known/openid-configuration", published, "public"),
  "oauth.jwks": open("/.well-known/jwks.json", published, "public"),
  "client.create": change("POST", "/v1/clients", "system.admin"),
  "client.list": read("/v1/clients", "system.admin"),
  "client.revoke": change("DELETE", "/v1/clients/{id}", "system.admin"),
  "signing_key.list": read("/v1/signing-keys", "system.admin"),
  "signing_key.rotate": change("POST", "/v1/signing-keys/rotate", "system.admin"),

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
  "chat.create": client(change("POST", "/v1/chat/completions", "task.create", "data")),
  "message.create": client(change("POST", "/v1/messages", "task.create", "data")),
  "response.create": client(change("POST", "/v1/responses", "task.create", "data")),
  "embedding.create": client(change("POST", "/v1/embeddings", "task.create", "data")),
  "model.list": client(modelRead("/v1/models")),
  "model.read": client(modelRead("/v1/models/{path}")),
  "model.tiers": modelRead("/models"),
  "model.route": modelRead("/route", "POST"),
  "model.execute": change("POST", "/execute", "task.create", "data"),
  "route.explain": modelRead("/v1/route/explain", "POST"),
  "breaker.list": read("/circuit-breakers", "metrics.view"),
  "breaker.reset": change("POST", "/api/v1/circuit-breakers/{name}/reset", "system.admin"),
  "breaker.reset_all": change("POST", "/api/v1/circuit-breakers/reset_all", "system.admin"),
  "budget.request": change("POST", "/api/v1/budget/request", "task.create", "data"),
  "budget.commit": change("POST", "/api/v1/budget/commit", "task.create", "data"),
  "budget.release": change("POST", "/api/v1/budget/release", "task.create", "data"),
  "budget.state": read("/api/v1/budget/state", "budget.view"),
  "budget.set": change("POST", "/v1/budgets", "budget.configure"),
  "budget.list": read("/v1/budgets", "budget.view"),
  "budget.clear": change("DELETE", "/v1/budgets/{id}", "budget.configure"),
  "consciousness.process": change("POST", "/api/v1/consciousness/process", "task.create", "deliberation"),
  "consciousness.state": modelRead("/api/v1/consciousness/state"),
  "metrics.read": read("/metrics", "metrics.view"),
  "synthesis.validate": modelRead("/validate/synthesis", "POST"),
  "injection.test": modelRead("/test/injection", "POST"),

  "product.list": read("/v1/products", "task.view"),
  "depository.scrub": read("/v1/scrub", "metrics.view"),
} as const satisfies Record<string, Operation>;

/** The name of an operation. */
export type OperationName = keyof typeof operations;
