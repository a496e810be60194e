// What the Charter under attack holds: artifacts with a history, keys, people and clients, some of them only there to be
// attacked, so that an attack which locks one out does not end the attack on the next operation.
import { createHash, randomBytes } from "node:crypto";
import type { CharterProcess } from "../support/app/process.ts";
import { gatewayValues } from "./gateway-contents.ts";
import type { Contents, Values, Variant } from "./samples.ts";

const product = "AI_ASSISTANT";
const type = "ConversationArtifact";
const password = "a long walk over wet stones";
const redirectUri = "http://127.0.0.1:8400/callback";
const formType = { "content-type": "application/x-www-form-urlencoded" };
const rawType = { "content-type": "application/octet-stream" };
/** Artifacts that are there before the attack. */
const artifacts = 30;
/** Size of the big artifact, bytes: more than the sockets of an attack can hold in their buffers. */
const bigBytes = 8 * 1024 * 1024;

/** Fills a fresh server. */
export async function fill(server: CharterProcess): Promise<Contents> {
  const artifactId = await storeArtifacts(server);
  const streamed = `/v1/artifacts?product=${product}&type=${type}`;
  const big = await post(server, streamed, Buffer.alloc(bigBytes, "lorem ipsum "), rawType);
  const clients = await makeClients(server);
  const { page, variants } = await oauthVariants(server, clients);
  const ofGateway = await gatewayValues((path, body, headers) => post(server, path, body, headers), product);
  return {
    values: { ...plainValues(artifactId), ...ofGateway, ...(await ownValues(server, artifactId)) },
    variants,
    product,
    artifactType: type,
    bigArtifact: big.artifact.artifact_id,
    page,
  };
}

/** Posts and expects success. */
// oxlint-disable-next-line typescript/no-explicit-any -- answers of every shape
async function post(server: CharterProcess, path: string, body: unknown, headers = {}): Promise<any> {
  // The authorization server reads a client's credential where the API reads a caller's.
  const caller = headers === formType ? { key: null } : {};
  const { status, json } = await server.ask(path, { body, headers, ...caller });
  if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
  return json;
}

async function storeArtifacts(server: CharterProcess): Promise<string> {
  let id = "";
  for (let i = 0; i < artifacts; i++) {
    const payload = { text: `conversation ${i}`, turns: i };
    const derivedFrom = id === "" ? {} : { derived_from: [id] };
    const body = { product_id: product, artifact_type: type, payload, tags: ["alpha", `n${i % 3}`], ...derivedFrom };
    id = (await post(server, "/v1/artifacts", body)).artifact.artifact_id as string;
  }
  return id;
}

/** Values that are the same for every server. */
function plainValues(artifactId: string): Values {
  return {
    product,
    product_id: product,
    type,
    artifact_type: type,
    tag: "alpha",
    tags: ["alpha"],
    payload: { text: "said by an attacker" },
    data: { text: "said by an attacker" },
    metadata: { note: "by an attacker" },
    media_type: "application/json",
    retention_class: "default",
    reason: "said by an attacker",
    label: "made by an attack",
    name: "made by an attack",
    hold: true,
    derived_from: artifactId,
    "artifact.create/derived_from": [artifactId],
    request: artifactId,
    id: artifactId,
    index: "0",
    level: "0",
    limit: "5",
    scope: product,
    used_gb: "750",
    since: "2020-01-01T00:00:00Z",
    until: "2100-01-01T00:00:00Z",
    created_after: "2020-01-01T00:00:00Z",
    created_before: "2100-01-01T00:00:00Z",
    client_time: new Date().toISOString(),
    expires_at: "2100-01-01T00:00:00Z",
    networks: ["127.0.0.0/8"],
    operations: ["artifact.list"],
    kind: "product",
    role: "developer",
    full_name: "Somebody Else",
    grant_types: ["client_credentials"],
    redirect_uris: [redirectUri],
    public: false,
    verified: true,
    token: "x".repeat(43),
    new_password: `${password} again`,
    "ledger.tile/path": "000.p/1",
    "ledger.bundle/path": "000.p/1",
    "model.read/path": "simulated-nano",
    "ledger.entries/kind": "intent",
    "user.import/password_hash": `$2b$10$${"x".repeat(53)}`,
    "client.create/redirect_uris": [],
  };
}

/** Values that are made for one operation each. */
async function ownValues(server: CharterProcess, artifactId: string): Promise<Values> {
  const caller = `key_${server.adminKey.split("_")[2]}`;
  const spareKey = await post(server, "/v1/keys", { kind: "product", product, label: "spare" });
  const spareClient = await makeClient(server, {});
  const changed = await person(server, "changed");
  const values: Record<string, unknown> = {
    created_by: caller,
    principal: caller,
    owner: changed.id,
    "key.revoke/id": spareKey.id,
    "client.revoke/id": spareClient.id,
    "password.change/username": changed.username,
    "password.change/current_password": password,
    "session.login/username": (await person(server, "login")).username,
    "session.login/password": password,
    "password.reset_request/email": "changed@example.org",
  };
  for (const operation of ["user.read", "user.update", "user.disable", "user.enable", "user.reset_password"]) {
    values[`${operation}/id`] = (await person(server, operation.replace(/\W/, "-").replace("_", "-"))).id;
  }
  for (const operation of ["user.register", "user.create", "user.import", "user.update"]) {
    const name = operation.replace(".", "-");
    values[`${operation}/username`] = `${name}-new`;
    values[`${operation}/email`] = `${name}-new@example.org`;
    values[`${operation}/password`] = password;
  }
  const lists = { "artifact.list": "/v1/artifacts", "ledger.entries": "/ledger/entries", "key.list": "/v1/keys" };
  const more = { "user.list": "/v1/users", "client.list": "/v1/clients", "budget.list": "/v1/budgets" };
  for (const [operation, path] of Object.entries({ ...lists, ...more })) {
    const { status, json } = await server.ask(`${path}?limit=1`);
    if (status !== 200 || !json.next) throw new Error(`${path} has no second page: ${JSON.stringify(json)}`);
    values[`${operation}/cursor`] = json.next;
  }
  return { ...values, "artifact.hold/id": artifactId };
}

/** A user with a password of their own. */
async function person(server: CharterProcess, name: string): Promise<{ id: string; username: string }> {
  const username = name;
  const draft = { username, email: `${name}@example.org`, kind: "product", role: "developer", product };
  const { id, one_time_password: oneTimePassword } = await post(server, "/v1/users", draft);
  const change = { username, current_password: oneTimePassword, new_password: password };
  await post(server, "/api/v1/auth/password/change", change);
  return { id, username };
}

interface Client {
  readonly id: string;
  readonly secret: string;
}

function makeClient(server: CharterProcess, fields: object): Promise<Client> {
  const draft = { name: "Client", kind: "product", role: "developer", product, grant_types: ["client_credentials"] };
  return post(server, "/v1/clients", { ...draft, ...fields }) as Promise<Client>;
}

async function makeClients(server: CharterProcess): Promise<{ service: Client; application: Client }> {
  const grants = { grant_types: ["authorization_code", "refresh_token"], redirect_uris: [redirectUri], public: true };
  return { service: await makeClient(server, {}), application: await makeClient(server, grants) };
}

/** The ways of calling the authorization server, each with tokens that are good once. */
async function oauthVariants(
  server: CharterProcess,
  { service, application }: { service: Client; application: Client },
): Promise<{ page: string; variants: Contents["variants"] }> {
  const form = (fields: Record<string, string>): Promise<{ access_token: string; refresh_token: string }> =>
    post(server, "/api/v1/auth/token", new URLSearchParams(fields).toString(), formType);
  const credentials = { client_id: service.id, client_secret: service.secret };
  const { username } = await person(server, "token");
  const tokens = await form({ grant_type: "password", username, password });
  const service_token = (await form({ grant_type: "client_credentials", ...credentials })).access_token;
  const verifier = randomBytes(32).toString("base64url");
  const asked = {
    response_type: "code",
    client_id: application.id,
    redirect_uri: redirectUri,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    scope: "api",
    state: "some-state",
  };
  const assertion = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.eA";
  const signed = {
    client_id: service.id,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  };
  const code = {
    grant_type: "authorization_code",
    code: "unknown",
    code_verifier: verifier,
    redirect_uri: redirectUri,
  };
  const token: readonly Variant[] = [
    good({ grant_type: "client_credentials", ...credentials, scope: "api" }),
    good({ grant_type: "password", username, password, scope: "api" }),
    good({ grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id: "charter" }),
    refused({ ...code, client_id: application.id }),
    refused({ grant_type: "client_credentials", ...signed }),
  ];
  const about = (fields: Values): readonly Variant[] => [
    good({ ...fields, ...credentials, token_type_hint: "access_token" }),
    refused({ ...fields, ...signed }),
  ];
  const typed = { decision: "approve", username: (await person(server, "approve")).username, password };
  return {
    page: `/api/v1/auth/authorize?${new URLSearchParams(asked).toString()}`,
    variants: {
      "token.issue": token,
      "token.introspect": about({ token: service_token }),
      "token.revoke": about({ token: service_token }),
      "authorize.show": [good(asked), good({ ...asked, nonce: "a-nonce", prompt: "login" })],
      "authorize.approve": [good({ ...asked, ...typed })],
    },
  };
}

/** A way of calling that is refused at its end, because what would pass is good once or is signed. */
function refused(fields: Values): Variant {
  return { fields, isRefused: true };
}

function good(fields: Values): Variant {
  return { fields, isRefused: false };
}
