import { describe, expect, it } from "vitest";
import { newId } from "../kernel/ids.ts";
import { digestOf } from "../kernel/hash.ts";
import type { Artifact } from "./artifact.ts";
import { provenance } from "./draft.ts";

const clock = { nowMs: () => 0 };
const artifact: Artifact = {
  artifact_id: newId<"artifact">(clock),
  product_id: "AI_ASSISTANT",
  artifact_type: "ConversationArtifact",
  created_by: "key_1",
  created_at: "2026-01-01T00:00:00.000Z",
  content_hash: digestOf("x"),
  sizeBytes: 1,
  mediaType: "application/json",
  tags: [],
  metadata: { sizeBytes: "the caller's own name" },
  derivedFrom: [],
  retentionClass: "standard",
  retainUntil: "2027-01-01T00:00:00.000Z",
  legalHold: false,
  intentIndex: 7,
};

describe("what an outcome's leaf vouches for", () => {
  it("is the artifact as people see it, without what may change", () => {
    const seen = provenance(artifact);
    expect(seen).toMatchObject({ size_bytes: 1, intent_index: 7, metadata: { sizeBytes: "the caller's own name" } });
    expect(seen).not.toHaveProperty("legal_hold");
    expect(seen).not.toHaveProperty("retain_until");
  });

  it("is spelled as it was for a leaf of format 1, so that its digest still holds", () => {
    const { legalHold: _, retainUntil: __, ...locked } = artifact;
    expect(provenance(artifact, 1)).toEqual(locked);
  });
});
