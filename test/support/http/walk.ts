// One request for every operation of the API, on things that exist: what the coverage walk and the matrix of callers send.
import { operations } from "../../../src/http/index.ts";
import type { Operation, OperationName } from "../../../src/http/index.ts";
import { envelope } from "../app/in-process.ts";
import type { Answer, Ask, TestCharter } from "../app/in-process.ts";

/** Things of one Charter that requests are about. They belong to AI_ASSISTANT where they belong to a product. */
export interface Walk {
  /** Sends the request of an operation; as the admin when no key is given, as nobody when it is null. */
  call(name: OperationName, key?: string | null): Promise<Answer>;
  /** Has a response made in the background, which is what responses are asked of next. */
  inBackground(key?: string): Promise<void>;
}

/** All names, in the order of the list. */
export const operationNames = Object.keys(operations) as OperationName[];

/** The row of an operation. */
export const rowOf = (name: OperationName): Operation => operations[name];

const form = { "content-type": "application/x-www-form-urlencoded" };
const nobodysToken = "A".repeat(43);

/** Makes the things and gives what sends. */
export async function openWalk(charter: TestCharter): Promise<Walk> {
  const make = async (path: string, body: unknown) => (await charter.ask(path, { body })).json;
  const person = { username: "walker", email: "walker@example.org", kind: "product", product: "AI_ASSISTANT" };
  const application = { name: "walker", kind: "product", role: "developer", product: "AI_ASSISTANT" };
  const redirect = "https://app.example/back";
  const ids: Record<string, string> = {
    response: (await make("/v1/responses", { model: "auto", input: "walk" })).id,
    artifact: (await make("/v1/artifacts", envelope())).artifact.artifact_id,
    key: (await make("/v1/keys", { kind: "auditor" })).id,
    user: (await make("/v1/users", person)).id,
    budget: (await make("/v1/budgets", { scope: { project: "walk" }, unit: "tokens", window: "day", limit: 1000 })).id,
    client: (await make("/v1/clients", { ...application, grant_types: ["client_credentials"] })).id,
  };
  const browser = {
    ...application,
    grant_types: ["authorization_code"],
    redirect_uris: [redirect],
    public: true,
  };
  const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
  const asked = new URLSearchParams({
    response_type: "code",
    client_id: (await make("/v1/clients", browser)).id,
    redirect_uri: redirect,
    code_challenge: challenge,
    code_challenge_method: "S256",
  }).toString();

  const pathOf = (name: OperationName): string => {
    const { path } = rowOf(name);
    const [noun = ""] = name.split(".");
    return (
      path
        .replace("{id}", ids[noun] ?? "")
        .replace("{scope}", "WORKFLOW")
        .replace("{level}", "0")
        .replace("{index}", "0")
        .replace("{path}", noun === "model" ? "simulated-nano" : "000.p/1")
        .replace("{name}", "simulated-nano") + (name === "authorize.show" ? `?${asked}` : "")
    );
  };

  let turn = 0;
  const claim = { product: "AI_ASSISTANT", request_id: "walk" };
  const bodies: Partial<Record<OperationName, () => unknown>> = {
    "halt.clear": () => ({ reason: "cleared after review" }),
    "key.create": () => ({ kind: "auditor" }),
    "user.register": () => ({
      username: `guest${turn}`,
      email: `guest${turn}@example.org`,
      password: "a rather long phrase",
    }),
    "user.verify": () => ({ token: nobodysToken }),
    "password.change": () => ({ username: "walker", current_password: "wrong", new_password: "a rather long phrase" }),
    "password.reset_request": () => ({ email: "nobody@example.org" }),
    "password.reset_confirm": () => ({ token: nobodysToken, new_password: "a rather long phrase" }),
    "user.create": () => ({ ...person, username: `made${turn}`, email: `made${turn}@example.org` }),
    "user.import": () => ({
      users: [
        {
          ...person,
          username: `brought${turn}`,
          email: `brought${turn}@example.org`,
          password_hash: "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        },
      ],
    }),
    "user.update": () => ({ full_name: "A. Walker" }),
    "session.login": () => ({ username: "nobody", password: "wrong" }),
    "token.issue": () => "grant_type=password&username=nobody&password=wrong",
    "token.revoke": () => "token=nobodys&client_id=charter",
    "token.introspect": () => "token=nobodys&client_id=charter",
    "authorize.approve": () => `${asked}&decision=approve&username=nobody&password=wrong`,
    "client.create": () => ({ ...application, grant_types: ["client_credentials"] }),
    "chat.create": () => ({ model: "auto", messages: [{ role: "user", content: `walk ${turn}` }] }),
    "message.create": () => ({ model: "auto", max_tokens: 10, messages: [{ role: "user", content: "walk" }] }),
    "response.create": () => ({ model: "auto", input: "walk" }),
    "response.compact": () => ({ model: "auto", input: "walk" }),
    "message.count": () => ({ model: "auto", messages: [{ role: "user", content: "walk" }] }),
    "response.count": () => ({ model: "auto", input: "walk" }),
    "embedding.create": () => ({ model: "simulated-embedding", input: "walk" }),
    "model.route": () => ({ query: "walk" }),
    "model.execute": () => ({ query: "walk" }),
    "route.explain": () => ({ model: "auto", messages: [{ role: "user", content: "walk" }] }),
    "budget.request": () => ({ ...claim, purpose: "walk", model: "small", estimated_tokens: 10, task: "t" }),
    "budget.commit": () => ({ ...claim, actual_tokens: 1 }),
    "budget.release": () => claim,
    "provider.check": () => ({}),
    "budget.set": () => ({ scope: { product: "GURUKUL" }, unit: "tokens", window: "day", limit: 1000 }),
    "artifact.create": () => envelope({ payload: "walk" }),
    "bucket.write": () => ({ product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", data: 1 }),
    "consciousness.process": () => ({ prompt: "What holds a house up?" }),
    "synthesis.validate": () => ({ text: "{}" }),
    "injection.test": () => ({ text: "walk" }),
    "artifact.hold": () => ({ hold: true, reason: "kept for the audit" }),
  };

  const inBackground = async (key?: string): Promise<void> => {
    const body = { model: "auto", input: "walk", background: true };
    const { json } = await charter.ask("/v1/responses", { body, ...(key === undefined ? {} : { key }) });
    ids["response"] = json.id;
  };

  return {
    inBackground,
    async call(name, key) {
      // No other response can be cancelled.
      if (name === "response.cancel" && key === undefined) await inBackground();
      turn++;
      const body = bodies[name]?.();
      const ask: Ask = { method: rowOf(name).method, ...(key === undefined ? {} : { key }) };
      if (body === undefined) {
        const answer = await charter.ask(pathOf(name), ask);
        // Whoever comes next finds one too.
        if (name === "response.delete" && answer.status === 200)
          ids["response"] = (await make("/v1/responses", { model: "auto", input: "walk" })).id;
        return answer;
      }
      // The endpoints that take forms know clients, whose credentials are no bearer tokens.
      const more: Ask = typeof body === "string" ? { headers: form, key: null } : {};
      const answer = await charter.ask(pathOf(name), { ...ask, body, ...more });
      // What is asked of a response next is asked of the newest one.
      if (name === "response.create" && answer.status === 200) ids["response"] = answer.json.id;
      return answer;
    },
  };
}

/**
 * What became of a request: `+` let in, `p` the role or credential is not good for it, `g` the constitution denies, `n` the
 * thing does not exist for this caller, `u` no credential. An answer to HEAD has no body: its status speaks alone.
 */
export function letterOf({ status, json, headers, text }: Answer): string {
  const code: unknown = json?.code;
  if (headers.has("www-authenticate") && !String(code).startsWith("auth.")) return "u";
  if (code === "permission.denied") return "p";
  if (code === "governance.denied" || code === "governance.threat" || (status === 403 && text === "")) return "g";
  if (
    code === "artifact.not_found" ||
    code === "product.not_found" ||
    code === "response.not_found" ||
    (status === 404 && text === "")
  )
    return "n";
  if (status >= 500 || code === "request.invalid" || code === "request.malformed" || code === "governance.halted") {
    return `(${status} ${String(code)})`;
  }
  return "+";
}
