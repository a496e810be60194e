// Three lanes of tests. A file's lane follows from where it lies and what it imports, so that a new file needs no entry:
//
// - scenario: everything in test/: the whole program, in this process or in one of its own, and what its rigs promise.
// - contract: files beside the code that run a port's contract on its drivers, or start a server or a program.
// - unit: every other file beside the code; needs nothing but Node.
//
// `npm run test:coverage` holds every domain to a least share of covered lines and branches.
import { globSync, readdirSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** What a file imports that runs one suite on several drivers, or needs more than Node. */
const moreThanNode = /from "(?:node:child_process"|[./]*\/test\/(?:contract|support\/(?:servers|app))\/)/;

const besideCode = globSync(["src/**/*.test.ts", "scripts/**/*.test.ts", "bench/**/*.test.ts"]);
const contract = besideCode.filter((file) => moreThanNode.test(readFileSync(file, "utf8")));
const unit = besideCode.filter((file) => !contract.includes(file));

function lane(name: string, include: string[]) {
  return { extends: true as const, test: { name, include } };
}

/** Least share of a domain's lines and branches that the suites run, percent. */
const leastCovered = 85;

/** Domains with a lower floor: what was measured, rounded down. CONTRIBUTING.md says why. */
const lowerFloors: Readonly<Record<string, { lines: number; branches: number }>> = {
  app: { lines: leastCovered, branches: 79 },
  cli: { lines: 76, branches: 63 },
  redis: { lines: leastCovered, branches: 80 },
};

/** The floor of every domain; `app` is the composition root and its folder. */
function floors() {
  const domains = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return Object.fromEntries(
    domains.map(({ name }) => [
      name === "app" ? "src/{app,app/**/*}.ts" : `src/${name}/**/*.ts`,
      lowerFloors[name] ?? { lines: leastCovered, branches: leastCovered },
    ]),
  );
}

export default defineConfig({
  test: {
    isolate: false,
    // Tests wait for what happens, so these end only what hangs, also on a machine that has much else to do.
    testTimeout: 180_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000, interval: 10 } },
    maxWorkers: 2,
    projects: [lane("unit", unit), lane("contract", contract), lane("scenario", ["test/**/*.test.ts"])],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/**/*.test.ts"],
      reporter: ["text-summary", "html", "json-summary"],
      reportsDirectory: "coverage",
      reportOnFailure: true,
      thresholds: floors(),
    },
  },
});
