import { beforeAll, describe, expect, it } from "vitest";
import { operations } from "./operations.ts";
import type { Operation } from "./operations.ts";
import { describeApi } from "./server.ts";

interface Answer {
  readonly $ref?: string;
  readonly description?: string;
  readonly headers?: Record<string, object>;
  readonly content?: Record<string, object>;
}
interface Described {
  readonly operationId: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly responses: Record<string, Answer>;
}

let document: {
  readonly paths: Record<string, Record<string, Described>>;
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly components: { readonly responses: Record<string, Answer>; readonly headers: Record<string, object> };
};
let described: (readonly [method: string, operation: Described])[];

beforeAll(async () => {
  document = (await describeApi("0")) as typeof document;
  described = Object.values(document.paths).flatMap((item) => Object.entries(item));
});

const resolved = (answer: Answer): Answer =>
  answer.$ref === undefined ? answer : (document.components.responses[answer.$ref.split("/").at(-1) ?? ""] ?? {});

describe("the document", () => {
  it("names operations as the list does, and says who may call them", () => {
    expect(described.map(([, { operationId }]) => operationId).toSorted()).toEqual(Object.keys(operations).toSorted());
    for (const [, { operationId, description }] of described) {
      const { permission, why = "" }: Operation = (operations as Record<string, Operation>)[operationId]!;
      expect(description, operationId).toContain(permission ?? why);
    }
  });

  it("describes every tag that an operation has", () => {
    const used = new Set(described.flatMap(([, { tags }]) => tags));
    expect(new Set(document.tags.map(({ name }) => name))).toEqual(used);
    for (const { name, description } of document.tags) expect(description, name).toMatch(/\w+/);
  });

  it("names each status by itself, with words and the headers that every answer carries", () => {
    for (const [, { operationId, responses }] of described) {
      for (const [status, answer] of Object.entries(responses)) {
        expect(status, operationId).toMatch(/^[2-5]\d\d$/);
        const { description = "", headers = {} } = resolved(answer);
        expect(description, `${operationId} ${status}`).toMatch(/\w+/);
        expect(Object.keys(headers)).toEqual(expect.arrayContaining(["X-Request-ID", "X-Constitution-Hash"]));
      }
      expect(Object.keys(responses), operationId).toEqual(
        expect.arrayContaining(["400", "412", "415", "429", "500", "503"]),
      );
    }
  });

  it("has refusals for want of a credential exactly where one is needed", () => {
    for (const [, { operationId, responses }] of described) {
      const { access, rate }: Operation = (operations as Record<string, Operation>)[operationId]!;
      if (access !== "public")
        expect(Object.keys(responses), operationId).toEqual(expect.arrayContaining(["401", "403"]));
      else if (rate === "probe") expect(Object.keys(responses), operationId).not.toContain("401");
    }
  });

  it("promises no body where there can be none", () => {
    for (const [method, { operationId, responses }] of described) {
      for (const [status, answer] of Object.entries(responses)) {
        if (method === "head" || status.startsWith("3")) {
          expect(resolved(answer).content, `${operationId} ${status}`).toBeUndefined();
        }
      }
    }
  });
});
