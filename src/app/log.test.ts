import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../test/support/wait.ts";
import { openLog } from "./log.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "charter-log-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the log", () => {
  it("writes a JSON object a line, in their order", async () => {
    const file = join(folder, "lines");
    const fd = openSync(file, "a");
    const log = openLog("info", fd);
    for (let i = 0; i < 100; i++) log.info({ i }, "said");
    const lines = (): number[] =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line).i);
    await eventually(() => lines().length === 100);
    expect(lines()).toEqual(Array.from({ length: 100 }, (_, i) => i));
    closeSync(fd);
  });

  it("keeps lines that cannot be written, within a bound, counts the others, and tells the count", () => {
    // The descriptor is closed at first; what is opened next gets its number.
    const said = run(`
      import { closeSync, openSync, readFileSync } from "node:fs";
      const file = ${JSON.stringify(join(folder, "late"))};
      const fd = openSync(file, "a");
      closeSync(fd);
      const output = new LogOutput(fd);
      output.onRecovery = (lost) => console.log(lost, readFileSync(file, "utf8").startsWith("first\\n"));
      output.write("first\\n");
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (let i = 0; i < 20; i++) output.write("x".repeat(99_999) + "\\n");
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (openSync(file, "a") !== fd) throw new Error("another descriptor");
      output.write("last\\n");`);
    expect(said).toBe("10 true\n");
  });

  it("lets a process end whose last lines cannot be written", () => {
    const stderr = openSync("/dev/full", "w");
    const said = run(
      `
      const log = openLog("info");
      for (let i = 0; i < 10; i++) log.info("said");
      setTimeout(() => { log.info("more"); console.log("ended"); }, 50);`,
      stderr,
    );
    expect(said).toBe("ended\n");
    closeSync(stderr);
  });
});

/** What a program says that has the log. */
function run(program: string, stderr: number | "inherit" = "inherit"): string {
  const imported = `import { LogOutput, openLog } from ${JSON.stringify(join(import.meta.dirname, "log.ts"))};`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", imported + program], {
    stdio: ["ignore", "pipe", stderr],
    timeout: 60_000,
    encoding: "utf8",
  });
}
