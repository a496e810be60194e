// Every operation of the HTTP API, in one list. A route exists only under a name from here, and the coverage walk holds
// each name to what its row says: who may call it, and whether it leaves leaves in the ledger.

/** What an operation does to the world: nothing, or something that must go through the gate. */
export type Effect = "read" | "mutation";

/** One operation. */
export interface Operation {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path in OpenAPI form: `{id}` is a parameter, `{path}` at the end takes the rest. */
  readonly path: string;
  readonly effect: Effect;
  /** `key`: a credential is needed. `public`: none is, and the reason stands in `why`. */
  readonly access: "key" | "public";
  /** Why no credential is needed. */
  readonly why?: string;
}

const read = (path: string): Operation => ({ method: "GET", path, effect: "read", access: "key" });
const open = (path: string, why: string): Operation => ({ method: "GET", path, effect: "read", access: "public", why });
const change = (method: Operation["method"], path: string): Operation => ({
  method,
  path,
  effect: "mutation",
  access: "key",
});

const probes = "probes carry no credential and the answer names no product";
const strangers = "a stranger must be able to verify the log; hashes and signatures reveal no record";

/** All operations by name. */
export const operations = {
  "index.read": open("/", "a signpost: names the API and where its description is"),
  "openapi.read": open("/openapi.json", "the API's description holds no data"),
  "health.read": open("/health", probes),
  "ready.read": open("/ready", probes),

  "ledger.checkpoint": open("/ledger/checkpoint", strangers),
  "ledger.verifier_key": open("/ledger/verifier-key", strangers),
  "ledger.public_key": open("/ledger/public.pem", strangers),
  "ledger.tile": open("/ledger/tile/{level}/{path}", strangers),
  "ledger.proof": open("/ledger/proof/{index}", strangers),
  "ledger.bundle": read("/ledger/tile/entries/{path}"),
  "ledger.entries": read("/ledger/entries"),

  "governance.info": read("/governance/info"),
  "halt.list": read("/v1/halts"),
  "halt.clear": change("POST", "/v1/halts/{scope}/clear"),
  "storage.capacity": read("/metrics/storage-capacity"),

  "key.create": change("POST", "/v1/keys"),
  "key.list": read("/v1/keys"),
  "key.revoke": change("DELETE", "/v1/keys/{id}"),

  "artifact.create": change("POST", "/v1/artifacts"),
  "bucket.write": change("POST", "/bucket/write"),
  "artifact.list": read("/v1/artifacts"),
  "artifact.read": read("/v1/artifacts/{id}"),
  "artifact.head": { ...read("/v1/artifacts/{id}"), method: "HEAD" },
  "artifact.content": read("/v1/artifacts/{id}/content"),
  "artifact.content_head": { ...read("/v1/artifacts/{id}/content"), method: "HEAD" },
  "artifact.proof": read("/v1/artifacts/{id}/proof"),
  "artifact.lineage": read("/v1/artifacts/{id}/lineage"),
  "artifact.hold": change("POST", "/v1/artifacts/{id}/hold"),
  "artifact.replace": change("PUT", "/v1/artifacts/{id}"),
  "artifact.update": change("PATCH", "/v1/artifacts/{id}"),
  "artifact.delete": change("DELETE", "/v1/artifacts/{id}"),
  "product.list": read("/v1/products"),
  "depository.scrub": read("/v1/scrub"),
} as const satisfies Record<string, Operation>;

/** The name of an operation. */
export type OperationName = keyof typeof operations;
