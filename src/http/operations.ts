// Where each operation is found over HTTP. A route exists only under a name from here, and the coverage walk holds each name
// to what its domain says of it: who may call it, with which permission, how often, and whether it leaves leaves in the ledger.
import { modules } from "../app.ts";
import type { Operation as Asked, OperationName, Operations } from "../kernel/operation.ts";

export type { OperationName } from "../kernel/operation.ts";

type Verb = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One operation of the HTTP API. */
export interface Operation extends Asked {
  readonly method: Verb;
  /** The path in OpenAPI form: `{id}` is a parameter, `{path}` at the end takes the rest. */
  readonly path: string;
}

/** Method and path of every operation. */
const places: Readonly<Record<OperationName, `${Verb} /${string}`>> = {
  "index.read": "GET /",
  "index.head": "HEAD /",
  "openapi.read": "GET /openapi.json",
  "health.read": "GET /health",
  "ready.read": "GET /ready",
  "ledger.checkpoint": "GET /ledger/checkpoint",
  "ledger.verifier_key": "GET /ledger/verifier-key",
  "ledger.public_key": "GET /ledger/public.pem",
  "ledger.tile": "GET /ledger/tile/{level}/{path}",
  "ledger.proof": "GET /ledger/proof/{index}",
  "ledger.bundle": "GET /ledger/tile/entries/{path}",
  "ledger.entries": "GET /ledger/entries",
  "governance.info": "GET /governance/info",
  "halt.list": "GET /v1/halts",
  "halt.clear": "POST /v1/halts/{scope}/clear",
  "storage.capacity": "GET /metrics/storage-capacity",
  "key.create": "POST /v1/keys",
  "key.list": "GET /v1/keys",
  "key.read": "GET /v1/keys/{id}",
  "key.revoke": "DELETE /v1/keys/{id}",
  "auth.me": "GET /api/v1/auth/me",
  "user.register": "POST /api/v1/auth/register",
  "user.verify": "POST /api/v1/auth/verify",
  "password.change": "POST /api/v1/auth/password/change",
  "password.reset_request": "POST /api/v1/auth/password-reset/request",
  "password.reset_confirm": "POST /api/v1/auth/password-reset/confirm",
  "user.create": "POST /v1/users",
  "user.import": "POST /v1/users/import",
  "user.list": "GET /v1/users",
  "user.read": "GET /v1/users/{id}",
  "user.update": "PATCH /v1/users/{id}",
  "user.disable": "POST /v1/users/{id}/disable",
  "user.enable": "POST /v1/users/{id}/enable",
  "user.reset_password": "POST /v1/users/{id}/reset-password",
  "token.issue": "POST /api/v1/auth/token",
  "token.revoke": "POST /api/v1/auth/revoke",
  "token.introspect": "POST /api/v1/auth/introspect",
  "session.login": "POST /api/v1/auth/login",
  "session.logout": "POST /api/v1/auth/logout",
  "authorize.show": "GET /api/v1/auth/authorize",
  "authorize.approve": "POST /api/v1/auth/authorize",
  "oauth.metadata": "GET /.well-known/oauth-authorization-server",
  "oauth.openid_metadata": "GET /.well-known/openid-configuration",
  "oauth.jwks": "GET /.well-known/jwks.json",
  "client.create": "POST /v1/clients",
  "client.list": "GET /v1/clients",
  "client.revoke": "DELETE /v1/clients/{id}",
  "signing_key.list": "GET /v1/signing-keys",
  "signing_key.rotate": "POST /v1/signing-keys/rotate",
  "artifact.create": "POST /v1/artifacts",
  "bucket.write": "POST /bucket/write",
  "artifact.list": "GET /v1/artifacts",
  "artifact.read": "GET /v1/artifacts/{id}",
  "artifact.head": "HEAD /v1/artifacts/{id}",
  "artifact.content": "GET /v1/artifacts/{id}/content",
  "artifact.content_head": "HEAD /v1/artifacts/{id}/content",
  "artifact.proof": "GET /v1/artifacts/{id}/proof",
  "artifact.lineage": "GET /v1/artifacts/{id}/lineage",
  "artifact.hold": "POST /v1/artifacts/{id}/hold",
  "artifact.replace": "PUT /v1/artifacts/{id}",
  "artifact.update": "PATCH /v1/artifacts/{id}",
  "artifact.delete": "DELETE /v1/artifacts/{id}",
  "chat.create": "POST /v1/chat/completions",
  "message.create": "POST /v1/messages",
  "response.create": "POST /v1/responses",
  "message.count": "POST /v1/messages/count_tokens",
  "response.count": "POST /v1/responses/input_tokens",
  "response.compact": "POST /v1/responses/compact",
  "response.read": "GET /v1/responses/{id}",
  "response.read_input": "GET /v1/responses/{id}/input_items",
  "response.cancel": "POST /v1/responses/{id}/cancel",
  "response.delete": "DELETE /v1/responses/{id}",
  "embedding.create": "POST /v1/embeddings",
  "model.list": "GET /v1/models",
  "model.read": "GET /v1/models/{path}",
  "model.tiers": "GET /models",
  "model.route": "POST /route",
  "model.execute": "POST /execute",
  "route.explain": "POST /v1/route/explain",
  "breaker.list": "GET /circuit-breakers",
  "breaker.reset": "POST /api/v1/circuit-breakers/{name}/reset",
  "breaker.reset_all": "POST /api/v1/circuit-breakers/reset_all",
  "provider.check": "POST /v1/providers/check",
  "budget.request": "POST /api/v1/budget/request",
  "budget.commit": "POST /api/v1/budget/commit",
  "budget.release": "POST /api/v1/budget/release",
  "budget.state": "GET /api/v1/budget/state",
  "budget.set": "POST /v1/budgets",
  "budget.list": "GET /v1/budgets",
  "budget.clear": "DELETE /v1/budgets/{id}",
  "usage.read": "GET /v1/usage",
  "consciousness.process": "POST /api/v1/consciousness/process",
  "consciousness.state": "GET /api/v1/consciousness/state",
  "metrics.read": "GET /metrics",
  "synthesis.validate": "POST /validate/synthesis",
  "injection.test": "POST /test/injection",
  "product.list": "GET /v1/products",
  "depository.scrub": "GET /v1/scrub",
};

const asked: Operations = Object.assign(
  {},
  ...modules.map((module) => ("operations" in module ? module.operations : {})),
);

/** All operations by name. */
export const operations = Object.fromEntries(
  Object.entries(places).map(([name, place]) => {
    const [method, path] = place.split(" ") as [Verb, string];
    return [name, { ...(asked[name] as Asked), method, path }];
  }),
) as Readonly<Record<OperationName, Operation>>;
