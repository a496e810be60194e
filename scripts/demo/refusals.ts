// One refusal of every kind that an ordinary server gives, and the halt that an executor's override brings about.
import { announce, ask } from "./caller.ts";
import type { Answer, Ask } from "./caller.ts";
import type { Claims } from "./claims.ts";
import { showRefusal } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";
import type { Screen } from "./screen.ts";
import type { StoredFile } from "./storing.ts";

/** Who asks in these examples. */
export interface Cast {
  readonly url: string;
  readonly admin: string;
  readonly assistant: string;
  readonly gurukul: string;
  readonly enforcement: string;
  /** An AI agent of AI_ASSISTANT. */
  readonly agent: string;
  /** The executor of ENFORCEMENT. */
  readonly executor: string;
  /** A file that AI_ASSISTANT stored, and one that ENFORCEMENT stored. */
  readonly theirs: StoredFile;
  readonly record: StoredFile;
}

const conversation = { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact" };
const decision = { product_id: "ENFORCEMENT", artifact_type: "DecisionArtifact" };
const tooLargeBytes = 524_288_001;
const stream = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";
const octets = "application/octet-stream";

function refusalsOf({ url, admin, assistant, gurukul, agent, theirs }: Cast): Refusal[] {
  const send = (path: string, how: Ask) => (): Promise<Answer> => ask(url, path, how);
  const artifact = `/v1/artifacts/${theirs.artifactId}`;
  const create = (fields: object): (() => Promise<Answer>) =>
    send("/v1/artifacts", { key: assistant, body: { ...conversation, payload: "hello", ...fields } });
  return [
    {
      title: "No credential",
      request: "GET /v1/artifacts",
      send: send("/v1/artifacts", {}),
      status: 401,
      code: "credential.missing",
    },
    {
      title: "One byte more than 500 MiB",
      request: `POST /v1/artifacts  Content-Length: ${tooLargeBytes}`,
      send: () => announce(url, stream, assistant, octets, tooLargeBytes),
      status: 413,
      code: "content.too_large",
    },
    {
      title: "The same through the predecessor's route, which checks the size first and says 400",
      request: `POST /bucket/write  Content-Length: 600000000`,
      send: () => announce(url, "/bucket/write", assistant, "application/json", 600_000_000),
      status: 400,
      code: "bucket.size",
    },
    {
      title: "Deleting an artifact, as an admin",
      request: `DELETE ${artifact}`,
      send: send(artifact, { key: admin, method: "DELETE" }),
      status: 403,
      code: "governance.denied",
      names: ["RULE_01_WRITE_ONLY"],
    },
    {
      title: "An AI agent reading what its own product stored",
      request: `GET ${artifact}  as ai_agent`,
      send: send(artifact, { key: agent }),
      status: 403,
      code: "governance.denied",
      names: ["RULE_09_AI_WRITE_ONLY"],
    },
    {
      title: "An AI agent raising its own rights",
      request: `POST /v1/keys  {"kind":"admin"}  as ai_agent`,
      send: send("/v1/keys", { key: agent, body: { kind: "admin" } }),
      status: 403,
      code: "governance.denied",
      names: ["T6_AI_ESCALATION"],
    },
    {
      title: "A forged author",
      request: `POST /v1/artifacts  {..., "created_by":"key_someone_else"}`,
      send: create({ created_by: "key_someone_else" }),
      status: 403,
      code: "governance.denied",
      names: ["RULE_04_PROVENANCE_LOCKED", "T2_METADATA_POISONING"],
    },
    {
      title: "Hidden characters: text that reads differently than it is",
      request: `POST /v1/artifacts  {..., "metadata":{"title":"in\\u202Eeciov"}}`,
      send: create({ metadata: { title: "in\u202Eeciov" } }),
      status: 403,
      code: "governance.threat",
      names: ["T2_METADATA_POISONING"],
    },
    {
      title: "A type that is not on the product's list",
      request: `POST /v1/artifacts  {..., "artifact_type":"MediaArtifact"}`,
      send: create({ artifact_type: "MediaArtifact" }),
      status: 403,
      code: "governance.threat",
      names: ["T7_CROSS_PRODUCT"],
    },
    {
      title: "Reading another product's artifact: for GURUKUL it does not exist",
      request: `GET ${artifact}  as GURUKUL`,
      send: send(artifact, { key: gurukul }),
      status: 404,
      code: "artifact.not_found",
    },
    {
      title: "Content that is not what its digest says",
      request: `POST /v1/artifacts  Content-Digest: sha-256=:<of other bytes>:`,
      send: send(stream, {
        key: assistant,
        body: Buffer.from("these bytes"),
        headers: { "content-type": octets, "content-digest": `sha-256=:${Buffer.alloc(32).toString("base64")}:` },
      }),
      status: 422,
      code: "content.digest_mismatch",
    },
    {
      title: "Storing only if new what is stored already",
      request: `POST /v1/artifacts  If-None-Match: *`,
      send: send(stream, {
        key: assistant,
        body: theirs.file.bytes,
        headers: { "content-type": theirs.file.mediaType, "if-none-match": "*" },
      }),
      status: 412,
      code: "artifact.exists",
    },
    {
      title: "Acting under a constitution that is no longer in force",
      request: `POST /v1/artifacts  X-Constitution-Hash: 0000000000000000`,
      send: send("/v1/artifacts", {
        key: assistant,
        body: { ...conversation, payload: "hello" },
        headers: { "x-constitution-hash": "0000000000000000" },
      }),
      status: 412,
      code: "constitution.stale",
    },
  ];
}

/** Shows the refusals, and checks that nothing was stored by any of them. */
export async function showRefusals(screen: Screen, claims: Claims, cast: Cast): Promise<void> {
  const before = await artifactsOf(cast);
  for (const refusal of refusalsOf(cast)) await showRefusal(screen, claims, refusal);
  claims.check((await artifactsOf(cast)) === before, "no refused request stored anything");
  await showReusedKey(screen, claims, cast);
  screen.holds("none of the refused requests stored anything");
}

/** The number of artifacts that the server holds. */
async function artifactsOf({ url, admin }: Cast): Promise<number> {
  const { json } = await ask(url, "/v1/products", { key: admin });
  const products = json["products"] as readonly { readonly artifacts: number }[];
  return products.reduce((sum, { artifacts }) => sum + artifacts, 0);
}

/** A key may be used again for the same request only. */
async function showReusedKey(screen: Screen, claims: Claims, { url, assistant }: Cast): Promise<void> {
  const headers = { "idempotency-key": "demo-1" };
  const send = (payload: string) => (): Promise<Answer> =>
    ask(url, "/v1/artifacts", { key: assistant, headers, body: { ...conversation, payload } });
  const [first, again] = [await send("one")(), await send("one")()];
  const isSame = JSON.stringify(first.json["receipt"]) === JSON.stringify(again.json["receipt"]);
  claims.check(first.status === 201 && again.status === 200, "a repeat is answered without storing", again.status);
  claims.check(isSame, "a repeat gets the same receipt");
  await showRefusal(screen, claims, {
    title: "An Idempotency-Key used for another request; a repeat of its own request got the same receipt",
    request: `POST /v1/artifacts  Idempotency-Key: demo-1  {..., "payload":"two"}`,
    send: send("two"),
    status: 409,
    code: "idempotency.conflict",
  });
}

/** An executor oversteps; the writes of its product stop until an admin lets them go on with a recorded reason. */
export async function showHalt(screen: Screen, claims: Claims, cast: Cast): Promise<void> {
  const { url, admin, assistant, enforcement, executor, record } = cast;
  const path = `/v1/artifacts/${record.artifactId}`;
  const write = (): Promise<Answer> =>
    ask(url, "/v1/artifacts", { key: enforcement, body: { ...decision, payload: { allow: false } } });
  await showRefusal(screen, claims, {
    title: "An executor overriding the record of its own product",
    request: `DELETE ${path}  as executor`,
    send: () => ask(url, path, { key: executor, method: "DELETE" }),
    status: 403,
    code: "governance.denied",
    names: ["RULE_08_EXECUTOR_AUTHORITY", "T5_EXECUTOR_OVERRIDE"],
  });
  await showRefusal(screen, claims, {
    title: "What follows: ENFORCEMENT is halted, for everybody",
    request: "POST /v1/artifacts  as ENFORCEMENT",
    send: write,
    status: 403,
    code: "governance.halted",
    names: ["RULE_06_GOVERNANCE_LOCKS"],
  });
  const read = await ask(url, path, { key: enforcement });
  claims.check(read.status === 200, "reads go on during a halt", read.status);
  const nextDoor = await ask(url, "/v1/artifacts", { key: assistant, body: { ...conversation, payload: "meanwhile" } });
  claims.check(nextDoor.status === 201, "other products write during a halt", nextDoor.text);
  const reason = "reviewed with the executor: a script with the wrong credential";
  const cleared = await ask(url, "/v1/halts/ENFORCEMENT/clear", { key: admin, body: { reason } });
  claims.check(cleared.status === 200, "an admin clears the halt", cleared.text);
  const after = await write();
  claims.check(after.status === 201, "ENFORCEMENT writes again", after.text);
  const receipt = cleared.json["receipt"] as { intent_index: number; outcome_index: number };
  screen.holds("reads went on meanwhile, and so did the writes of another product");
  screen.holds(
    `an admin cleared the halt with a reason (ledger entries ${receipt.intent_index} to ${receipt.outcome_index}), and writes go on`,
  );
}
