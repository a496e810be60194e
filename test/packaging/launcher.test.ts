// bin/charter.cjs on the Node of the tests and on an older one, where it hands over to the Node it brings.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { olderNode } from "../support/app/charter.ts";
import { eventually } from "../support/wait.ts";

const launcher = resolve("bin/charter.cjs");
/** A command that waits for stdin, so that it can be interrupted, and needs no server. */
const waiting = ["put", "-", "--product", "P", "--type", "T", "--url", "http://127.0.0.1:9"];

function charter(node: string, args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(node, [launcher, ...args], { input, encoding: "utf8" });
  return { status, stdout, stderr };
}

/** The first child of a process, once it has one. */
async function childOf(pid: number): Promise<number> {
  for (;;) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    if (child) return Number(child);
    await sleep(10);
  }
}

/** Waits until a process has ended, whether or not anybody has reaped it. */
async function gone(pid: number, when: string): Promise<void> {
  await eventually(() => {
    try {
      return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      return true;
    }
  }, `the end of the child ${when}`);
}

function start(node: string): ChildProcess & { readonly pid: number } {
  return spawn(node, [launcher, ...waiting], {
    stdio: ["pipe", "ignore", "ignore"],
    env: { ...process.env, TMPDIR: scratch },
  }) as never;
}

/** What a killed command leaves behind stays in here. */
const scratch = mkdtempSync(join(tmpdir(), "charter-launcher-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const older = olderNode();
if (older === undefined)
  process.stderr.write("skipped: the launcher on an older Node: there is none on this machine\n");
const nodes = [
  ["this Node", process.execPath] as const,
  ...(older === undefined ? [] : [["an older Node", older] as const]),
];

describe.each(nodes)("on %s", (_name, node) => {
  it("passes arguments, streams and exit codes through, and warns of nothing", () => {
    expect(charter(node, ["--version"])).toMatchObject({ status: 0, stderr: "" });
    expect(charter(node, ["nonsense"]).status).toBe(2);
    const unreachable = charter(node, [...waiting, "--json"], "from stdin");
    expect(unreachable).toMatchObject({ status: 1, stderr: "" });
    expect(JSON.parse(unreachable.stdout)).toMatchObject({ file: "-", code: "client.failed" });
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"] as const)("ends as %s says", async (signal) => {
    const running = start(node);
    if (node !== process.execPath) await childOf(running.pid);
    await sleep(200);
    running.kill(signal);
    expect(await once(running, "exit")).toEqual([null, signal]);
  });
});

describe.skipIf(older === undefined)("the child of the launcher", () => {
  it("does not outlive a launcher that is killed with -9, at any moment", async () => {
    for (const delayMs of [0, 30, 100, 400]) {
      const running = start(older!);
      const child = await childOf(running.pid);
      await sleep(delayMs);
      running.kill("SIGKILL");
      await once(running, "exit");
      await gone(child, `after ${delayMs} ms`);
    }
  });

  it("ends the launcher when it is killed itself", async () => {
    const running = start(older!);
    process.kill(await childOf(running.pid), "SIGKILL");
    expect(await once(running, "exit")).toEqual([null, "SIGKILL"]);
  });

  it("is refused in words where the package brings no Node", () => {
    const bare = mkdtempSync(join(tmpdir(), "charter-bare-"));
    try {
      cpSync("bin", join(bare, "bin"), { recursive: true });
      // A package that exports nothing hides one of the same name in a folder further up.
      const hidden = join(bare, "node_modules", `node-linux-${process.arch}`);
      mkdirSync(hidden, { recursive: true });
      writeFileSync(join(hidden, "package.json"), '{"exports":{}}');
      const run = spawnSync(older!, [join(bare, "bin/charter.cjs"), "--help"], {
        encoding: "utf8",
        env: { PATH: "/usr/bin:/bin", HOME: bare },
      });
      expect(run).toMatchObject({ status: 1, stdout: "" });
      expect(run.stderr).toContain("charter needs Node 24.15 or newer");
      expect(run.stderr).toContain("--omit=optional");
    } finally {
      rmSync(bare, { recursive: true });
    }
  });
});
