// A short run of the simulator, each in a process of its own, because it replaces Node's clock, disk and network in its process.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { mutations } from "./mutations.ts";

/** How long one test may take on a machine that does much else, milliseconds. */
const patienceMs = 600_000;

/** Runs the simulator; resolves with what it wrote and how it ended. */
function simulated(
  ...args: readonly string[]
): Promise<{ readonly status: number; readonly lines: readonly string[] }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], (error, stdout, stderr) => {
      const lines = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), lines });
    });
  });
}

const traceIn = (lines: readonly string[], seed: number): string | undefined =>
  lines.map((line) => new RegExp(`^seed ${seed} trace (\\w+)`).exec(line)?.[1]).find((trace) => trace !== undefined);

it(
  "does the same for the same seed, in fresh processes, alone and after another one",
  { timeout: patienceMs },
  async () => {
    const alone = await simulated("--seed", "3", "--hours", "0.2");
    const again = await simulated("--seed", "3", "--hours", "0.2");
    const after = await simulated("--seed", "2", "--seeds", "2", "--hours", "0.2");
    const traces = [alone, again, after].map(({ lines }) => traceIn(lines, 3));
    expect(traces[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set(traces).size, traces.join(" ")).toBe(1);
  },
);

it("finds no broken promise in as many seeds as there is time for", { timeout: patienceMs }, async () => {
  const { status, lines } = await simulated("--seeds", "1000", "--seconds", "60", "--minimise", "20", "--stop");
  expect(status, lines.join("\n")).toBe(0);
});

it.each([
  ["the journal is not synced", "1"],
  ["an answer that cannot be passed on costs nothing", "1"],
  ["room for an upload that failed is not given back", "1"],
])("finds out that %s", { timeout: patienceMs }, async (name, seed) => {
  expect(mutations.map((mutation) => mutation.name)).toContain(name);
  const { status, lines } = await simulated(`--mutation=${name}`, "--seed", seed, "--seeds", "20", "--stop");
  expect(status, lines.join("\n")).toBe(1);
  expect(lines.join("\n")).toContain("again: npm run sim -- --seed ");
});
