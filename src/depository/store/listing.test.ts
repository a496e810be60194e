import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sqlitePlace } from "../../../test/contract/databases.ts";
import type { DatabasePlace } from "../../../test/contract/databases.ts";
import type { Database } from "../../db/index.ts";
import { newId } from "../../kernel/ids.ts";
import { page } from "./listing.ts";
import { depositoryMigrations } from "./migrations.ts";
import type { ArtifactQuery } from "./store.ts";

describe("the plan of a page", () => {
  let place: DatabasePlace;
  let db: Database;

  beforeAll(async () => {
    place = await sqlitePlace();
    db = await place.open();
    await db.migrate(depositoryMigrations);
  });

  afterAll(async () => {
    await db[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  const product = { product: "GURUKUL" };
  const cases: [string, Omit<ArtifactQuery, "limit">, RegExp][] = [
    ["nothing", {}, /^SEARCH p USING INDEX depository_artifacts_by_time/],
    ["a product", product, /^SEARCH p USING INDEX depository_artifacts_by_product/],
    ["a product's type", { ...product, type: "T" }, /^SEARCH p USING INDEX depository_artifacts_by_type/],
    [
      "a product's creator",
      { ...product, createdBy: "key_1" },
      /^SEARCH p USING INDEX depository_artifacts_by_creator/,
    ],
    [
      "a product's creator and type",
      { ...product, createdBy: "key_1", type: "T" },
      /^SEARCH p USING INDEX depository_artifacts_by_creator/,
    ],
    ["a product's tag", { ...product, tag: "t" }, /^SEARCH p USING COVERING INDEX sqlite_autoindex_depository_tags/],
    [
      "a product's tag, type and creator",
      { ...product, tag: "t", type: "T", createdBy: "key_1" },
      /^SEARCH p USING COVERING INDEX sqlite_autoindex_depository_tags/,
    ],
  ];

  it.each(cases)("for %s is driven by one index and sorts nothing", async (_, query, index) => {
    const after = { createdMs: 1, id: newId<"artifact">({ nowMs: () => 1 }) };
    const plan = await sql<{ detail: string }>`explain query plan ${page({ ...query, after, limit: 10 })}`.execute(
      db.read,
    );
    const [first, ...rest] = plan.rows.map((row) => row.detail);
    expect(first).toMatch(index);
    expect(rest.join("; ")).not.toMatch(/SCAN|TEMP B-TREE/);
  });
});
