// `charter serve` as a process: what it prints, how it stops, and that the lines it shows can be pasted.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { olderNode, plainEnv, startServer } from "../support/app/charter.ts";
import { eventually } from "../support/wait.ts";

const launcher = resolve("bin/charter.cjs");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "charter-serve-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const serve = (node = process.execPath) =>
  startServer(node, [launcher, "serve", "--port", "0", "--data", "data", "--json"], { cwd: folder, env: plainEnv() });

/** Whether anything accepts connections at a URL. */
async function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const { promise, resolve: settle } = Promise.withResolvers<boolean>();
  socket.once("connect", () => settle(true)).once("error", () => settle(false));
  const accepted = await promise;
  socket.destroy();
  return accepted;
}

describe("charter serve --json", () => {
  it("prints one line, shows the admin key at the first start only, and stops with 0", async () => {
    const first = await serve();
    expect(first.ready.admin_key).toEqual(expect.any(String));
    expect(first.ready.data_dir).toBe(join(folder, "data"));
    first.process.kill("SIGTERM");
    expect(await once(first.process, "exit")).toEqual([0, null]);
    expect(first.stdout().trim().split("\n")).toHaveLength(1);
    expect(Object.keys(first.ready)).toEqual(["url", "admin_key", "admin_password", "data_dir", "constitution_hash"]);
    expect(first.stderr()).not.toContain(first.ready.admin_key);
    expect(first.ready.admin_password).toMatch(/^([0-9a-z]{5}-){3}[0-9a-z]{5}$/);
    expect(first.stderr()).not.toContain(first.ready.admin_password);
    const second = await serve();
    expect(Object.keys(second.ready)).toEqual(["url", "data_dir", "constitution_hash"]);
    second.process.kill("SIGINT");
    expect(await once(second.process, "exit")).toEqual([0, null]);
  });

  it("ends with 1 and says so when the port is taken", async () => {
    const running = await serve();
    try {
      const port = new URL(running.ready.url).port;
      const args = [launcher, "serve", "--port", port, "--data", "other"];
      const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env: plainEnv(), encoding: "utf8" });
      expect(status).toBe(1);
      expect(stderr).toContain(`port ${port} on 127.0.0.1 is taken`);
    } finally {
      running.process.kill("SIGKILL");
      await once(running.process, "exit");
    }
  });

  it("shows the credentials of a first start again when it failed after it had made them, or could not print them", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const port = String((taken.address() as AddressInfo).port);
    const full = openSync("/dev/full", "w");
    const failed = (...args: string[]) =>
      spawnSync(process.execPath, [launcher, "serve", "--port", "0", "--data", "data", "--json", ...args], {
        cwd: folder,
        env: plainEnv(),
        stdio: ["ignore", args.length === 0 ? full : "pipe", "pipe"],
        encoding: "utf8",
      });
    try {
      const first = failed("--port", port);
      expect([first.status, first.stdout]).toEqual([1, ""]);
      const second = failed();
      expect([second.status, second.stderr]).toEqual([1, expect.stringContaining("cannot be printed")]);
      const shown = await serve();
      const { url, admin_key: key, admin_password: password } = shown.ready;
      expect(password).toMatch(/^([0-9a-z]{5}-){3}[0-9a-z]{5}$/);
      const { keys } = (await (
        await fetch(`${url}/v1/keys`, { headers: { authorization: `Bearer ${key}` } })
      ).json()) as { keys: { kind: string; revoked_at: string | null }[] };
      expect(keys.map(({ revoked_at: revokedAt }) => revokedAt === null)).toEqual([true, false, false]);
      shown.process.kill("SIGTERM");
      await once(shown.process, "exit");
      const later = await serve();
      expect(Object.keys(later.ready)).toEqual(["url", "data_dir", "constitution_hash"]);
      later.process.kill("SIGTERM");
      await once(later.process, "exit");
    } finally {
      taken.close();
      closeSync(full);
    }
  });

  it("survives SIGHUP where no terminal is gone", async () => {
    const running = await serve();
    running.process.kill("SIGHUP");
    expect(await answers(running.ready.url)).toBe(true);
    running.process.kill("SIGTERM");
    expect(await once(running.process, "exit")).toEqual([0, null]);
  });

  it("serves on, and stops, when its log cannot be written", async () => {
    const stderr = openSync("/dev/full", "w");
    const args = [launcher, "serve", "--port", "0", "--data", "data", "--json"];
    const child = spawn(process.execPath, args, { cwd: folder, env: plainEnv(), stdio: ["ignore", "pipe", stderr] });
    const [line] = (await once(createInterface({ input: child.stdout as Readable }), "line")) as [string];
    const { url } = JSON.parse(line) as { url: string };
    // Each is a line in the log.
    for (let i = 0; i < 3; i++) await fetch(`${url}/v1/artifacts`, { method: "POST", body: "{" });
    expect((await fetch(`${url}/health`)).status).toBe(200);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
    closeSync(stderr);
  });

  it.runIf(olderNode())("does not go on serving when an older Node's launcher is killed with -9", async () => {
    const running = await serve(olderNode());
    expect(await answers(running.ready.url)).toBe(true);
    running.process.kill("SIGKILL");
    await once(running.process, "exit");
    await eventually(async () => !(await answers(running.ready.url)));
  });

  it.runIf(olderNode())("drains through an older Node's launcher and ends with 0", async () => {
    const running = await serve(olderNode());
    running.process.kill("SIGTERM");
    expect(await once(running.process, "exit")).toEqual([0, null]);
  });
});

describe("charter serve for people", () => {
  it("shows curl lines that work when they are pasted", async () => {
    const args = [launcher, "serve", "--port", "0", "--data", "data"];
    const child = spawn(process.execPath, args, { cwd: folder, env: plainEnv(), stdio: ["ignore", "pipe", "ignore"] });
    try {
      let shown = "";
      for await (const piece of child.stdout as AsyncIterable<Buffer>) {
        shown += piece.toString();
        if (shown.includes("Stop with Ctrl-C.")) break;
      }
      const lines = shown.split("\n").filter((line) => line.startsWith("  curl "));
      expect(lines).toHaveLength(4);
      const [put, list, checkpoint, chat] = lines.map((line) => {
        const { status, stdout } = spawnSync("bash", ["-c", line], { encoding: "utf8", env: plainEnv() });
        expect(status, line).toBe(0);
        return stdout;
      });
      const { artifact } = JSON.parse(put!) as { artifact: { artifact_id: string } };
      expect(list).toContain(artifact.artifact_id);
      expect(checkpoint).toContain("charter.local/ledger\n");
      const { choices } = JSON.parse(chat!) as { choices: { message: { content: string } }[] };
      expect(choices).toEqual([
        expect.objectContaining({ message: expect.objectContaining({ content: expect.stringMatching(/./) }) }),
      ]);
      expect(readFileSync(join(folder, "data/ledger/checkpoint"), "utf8")).toContain("charter.local/ledger\n");
    } finally {
      child.kill("SIGKILL");
    }
  });
});
