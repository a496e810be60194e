// The promises of the house's shape hold, and the check sees each that is broken.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { houseIn } from "./check-house.ts";

it("finds every promise kept here", () => {
  const { figures, broken } = houseIn(process.cwd());
  expect(broken, figures.join("; ")).toEqual([]);
});

it("sees what is too long, and a provider's name outside src/models", () => {
  const tree = mkdtempSync(join(tmpdir(), "charter-house-"));
  try {
    for (const folder of ["gateway", "models", "http"]) mkdirSync(join(tree, "src", folder), { recursive: true });
    writeFileSync(join(tree, "src/app.ts"), "\n".repeat(151));
    writeFileSync(join(tree, "src/gateway/long.ts"), "\n".repeat(5501));
    writeFileSync(join(tree, "src/gateway/long.test.ts"), "// Anthropic\n");
    writeFileSync(join(tree, "src/models/own.ts"), "// OpenAI\n");
    writeFileSync(join(tree, "src/http/stray.ts"), "// asks Gemini\n");
    const { broken } = houseIn(tree);
    expect(broken.filter((each) => !each.includes("is listed"))).toEqual([
      "src/app.ts is too long",
      "src/gateway is too long",
      "src/http/stray.ts names a provider or a dialect; its knowledge belongs in src/models",
    ]);
    expect(broken.filter((each) => each.includes("is listed"))).not.toEqual([]);
  } finally {
    rmSync(tree, { recursive: true });
  }
});
