// The committed documents are the ones that the code would write.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { generators, staleDocuments } from "./generate.ts";

it("finds every generated document up to date", async () => {
  const stale = await staleDocuments(process.cwd());
  expect(
    stale.map(({ file }) => file),
    "run npm run generate",
  ).toEqual([]);
});

it("calls a document stale that is missing", async () => {
  const empty = mkdtempSync(join(tmpdir(), "charter-generate-"));
  try {
    expect((await staleDocuments(empty)).map(({ file }) => file)).toEqual(generators.map(({ file }) => file));
  } finally {
    rmSync(empty, { recursive: true });
  }
});
