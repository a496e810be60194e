import { describe, expect, it } from "vitest";
import { publicNames, toInner, toPublic } from "./json-case.ts";

const artifact = {
  type: "object",
  additionalProperties: false,
  properties: {
    artifact_id: { type: "string" },
    size_bytes: { type: "integer" },
    metadata: { type: "object", additionalProperties: true },
    tags: { type: "array", items: { type: "string" } },
  },
};
const find = (reference: string): object => {
  if (reference !== "Artifact#") throw new Error(`there is no ${reference}`);
  return artifact;
};

describe("names by a schema", () => {
  it("renames what is Charter's and leaves what is the caller's", () => {
    const metadata = { camelCase: { innerName: 1 }, snake_case: 2 };
    const inside = { artifactId: "a", sizeBytes: 7, metadata, tags: ["oneTag"] };
    const outside = { artifact_id: "a", size_bytes: 7, metadata, tags: ["oneTag"] };
    expect(toPublic(artifact, find)?.(inside)).toEqual(outside);
    expect(toInner(artifact, find)?.(outside)).toEqual(inside);
  });

  it("takes a name that is spelled as outside already", () => {
    expect(toPublic(artifact, find)?.({ artifact_id: "a", sizeBytes: 7 })).toEqual({ artifact_id: "a", size_bytes: 7 });
  });

  it("leaves out what a closed schema does not list", () => {
    expect(toPublic(artifact, find)?.({ sizeBytes: 7, epoch: 3, passwordHash: "x" })).toEqual({ size_bytes: 7 });
  });

  it("follows references, lists, alternatives and maps by name", () => {
    const schema = {
      properties: {
        first_one: { anyOf: [{ type: "null" }, { $ref: "Artifact#" }] },
        all: { items: { $ref: "Artifact#" } },
        by_name: { type: "object", additionalProperties: { $ref: "Artifact#" } },
      },
    };
    const inside = { firstOne: null, all: [{ sizeBytes: 1 }], byName: { someName: { sizeBytes: 2 } } };
    const outside = { first_one: null, all: [{ size_bytes: 1 }], by_name: { someName: { size_bytes: 2 } } };
    expect(toPublic(schema, find)?.(inside)).toEqual(outside);
    expect(toInner(schema, find)?.(outside)).toEqual(inside);
    expect(toPublic(schema, find)?.({ firstOne: { sizeBytes: 3 } })).toEqual({ first_one: { size_bytes: 3 } });
  });

  it("does nothing where no name differs", () => {
    const call = { type: "object", additionalProperties: true, properties: { model: { type: "string" } } };
    expect(toPublic(call, find)).toBeUndefined();
    expect(toInner(call, find)).toBeUndefined();
  });

  it("keeps names that mean something to JavaScript as they are", () => {
    const schema = { additionalProperties: { $ref: "Artifact#" } };
    const value = JSON.parse('{"__proto__":{"sizeBytes":1}}') as unknown;
    expect(JSON.stringify(toPublic(schema, find)?.(value))).toBe('{"__proto__":{"size_bytes":1}}');
  });

  it("refuses a schema in which the names could not be told", () => {
    const other = { properties: { other_name: {} } };
    expect(() => toPublic({ oneOf: [{ $ref: "Artifact#" }, other] }, find)).toThrow("ambiguous");
  });
});

describe("names of a value that is all Charter's own", () => {
  it("spells every name as outside", () => {
    expect(publicNames({ ok: true, keyTrust: "given", lostTail: [{ firstIndex: 1 }], none: null })).toEqual({
      ok: true,
      key_trust: "given",
      lost_tail: [{ first_index: 1 }],
      none: null,
    });
  });
});
