// Holds JSON that people see to one case: snake_case in the description of the API and in every answer of it, refusals too.
// test/coverage/commands.test.ts holds the command line to it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeApi } from "../../src/http/index.ts";
import type { OperationName } from "../../src/http/index.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { isSnakeCase, oddNames } from "../support/http/json-names.ts";
import type { ForeignNames } from "../support/http/json-names.ts";
import { openWalk, operationNames } from "../support/http/walk.ts";
import type { Walk } from "../support/http/walk.ts";

/** Names in the description that another specification fixes, and which. A new line here is a decision. */
const fixedElsewhere: Readonly<Record<string, string>> = {};

/** Answers in which names are somebody else's. A new line here is a decision. */
const foreign: Partial<Record<OperationName, ForeignNames>> = {
  "openapi.read": { "": "OpenAPI and JSON Schema name the members" },
  "governance.info": { "/data": "what constitution.yaml holds, as it is spelled there" },
  "ledger.entries": { "/entries/*/leaf": "the leaf as the ledger holds it, byte for byte" },
  "breaker.list": { "": "members are named after deployments, and each has the form that the description gives" },
};

interface Parameter {
  readonly in: string;
  readonly name: string;
}

/** Names of the properties of every schema inside a part of the description. */
function propertyNames(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return [];
  const own = "properties" in part && typeof part.properties === "object" ? Object.keys(part.properties ?? {}) : [];
  return [...own, ...Object.values(part).flatMap(propertyNames)];
}

describe("the description of the API", () => {
  let document: { readonly paths: Record<string, Record<string, { readonly parameters?: readonly Parameter[] }>> };
  beforeAll(async () => {
    document = (await describeApi("0")) as typeof document;
  });

  it("names every property in snake_case", () => {
    const names = new Set(propertyNames(document));
    expect(names.size).toBeGreaterThan(150);
    const odd = [...names].filter((name) => !isSnakeCase(name));
    expect(odd).toEqual(Object.keys(fixedElsewhere));
  });

  it("names every parameter of a query and of a path in snake_case", () => {
    const parameters = Object.values(document.paths).flatMap((item) =>
      Object.values(item).flatMap((operation) => operation.parameters ?? []),
    );
    const named = parameters.filter((parameter) => parameter.in === "query" || parameter.in === "path");
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter(({ name }) => !isSnakeCase(name))).toEqual([]);
  });

  it("would be seen to have another name anywhere in a schema", () => {
    const schema = { items: { anyOf: [{ type: "null" }, { properties: { ok: {}, notOk: {} } }] } };
    expect(propertyNames(schema).filter((name) => !isSnakeCase(name))).toEqual(["notOk"]);
  });
});

describe("every answer", () => {
  let charter: TestCharter;
  let walk: Walk;
  beforeAll(async () => {
    charter = await startTestCharter();
    walk = await openWalk(charter);
  });
  afterAll(() => charter[Symbol.asyncDispose]());

  for (const name of operationNames) {
    it(`has names in snake_case, whoever asks: ${name}`, async () => {
      const agent = await charter.keyFor("ai_agent", "AI_ASSISTANT");
      for (const key of [undefined, null, agent]) {
        const { json, status } = await walk.call(name, key);
        expect(oddNames(json, status < 400 ? foreign[name] : {})).toEqual([]);
      }
    });
  }

  it("has them where a request does not fit its schema, also in what it points at", async () => {
    const key = await charter.ask("/v1/keys", { body: { kind: "auditor", expires_at: 1 } });
    expect([key.status, key.json.at, oddNames(key.json)]).toEqual([400, "body/expires_at", []]);
    const body = { username: "a.b", email: "a@example.org", kind: "auditor", full_name: "\u202e" };
    const user = await charter.ask("/v1/users", { body });
    expect([user.status, user.json.at, oddNames(user.json)]).toEqual([400, "full_name", []]);
  });

  it("does not touch names that are the caller's", async () => {
    const metadata = { camelCase: { innerName: [{ oneMore: 1 }] }, snake_case: true };
    const payload = { sizeBytes: 1, size_bytes: 2 };
    const body = { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", payload, metadata };
    const { artifact } = (await charter.ask("/v1/artifacts", { body })).json;
    const read = await charter.ask(`/v1/artifacts/${artifact.artifact_id}`);
    expect([artifact.metadata, read.json.metadata]).toEqual([metadata, metadata]);
    expect((await charter.ask(`/v1/artifacts/${artifact.artifact_id}/content`)).json).toEqual(payload);
  });

  it("does not take names as they are spelled inside", async () => {
    const { status, json } = await charter.ask("/v1/keys", {
      body: { kind: "auditor", expiresAt: "2100-01-01T00:00:00Z" },
    });
    expect([status, json.at]).toEqual([400, "body/expiresAt"]);
  });
});
