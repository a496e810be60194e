// Stopping a real process with SIGTERM: it says so first, what it has accepted is answered, and it ends with 0.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { everyPage, spawnCharter } from "../support/app/process.ts";
import { eventually } from "../support/wait.ts";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "charter-drain-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const start = (...args: string[]) => spawnCharter({ dataDir: join(folder, "data"), args });
const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";

/** One request on a bare socket, its answer collected until the server closes. */
function open(url: string, text: string) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).on("error", () => {});
  let heard = "";
  socket.on("data", (piece) => (heard += String(piece)));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.write(text);
  return { socket, closed, heard: () => heard };
}

/** Whether a new connection is refused. */
async function refuses(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const refused = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(false)).once("error", () => resolve(true));
  });
  socket.destroy();
  return refused;
}

describe("SIGTERM", () => {
  it("says not ready while it goes on serving, then refuses connections, then lets an upload end", async () => {
    await using charter = await start("--drain-notice-ms", "5000");
    const upload = open(
      charter.url,
      `POST ${streamed} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${charter.adminKey}\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n01234`,
    );
    const idle = open(charter.url, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    await eventually(async () => idle.heard().includes("200 OK"));
    expect(idle.heard()).toContain("Connection: keep-alive");
    process.kill(charter.pid, "SIGTERM");
    const ready = () => fetch(`${charter.url}/ready`);
    await eventually(async () => (await ready()).status === 503);
    const notice = await ready();
    expect([notice.status, notice.headers.get("connection")]).toEqual([503, "close"]);
    expect(await notice.json()).toMatchObject({ status: "not_ready", reason: "the server is stopping" });
    expect((await fetch(`${charter.url}/health`)).status).toBe(200);
    await eventually(() => refuses(charter.url));
    await idle.closed;
    expect(charter.ended).toBe(false);
    upload.socket.write("56789");
    await upload.closed;
    expect(upload.heard()).toMatch(/^HTTP\/1\.1 201 /);
    expect(upload.heard()).toMatch(/connection: close/i);
    expect(await charter.exit).toBe(0);
  });

  it("loses no request that was accepted, with readers and writers at full speed", async () => {
    await using charter = await start("--drain-notice-ms", "1500");
    const { hostname, port } = new URL(charter.url);
    let stopping = false;
    const counts = { answered: 0, refused: 0, late: 0, stored: 0 };
    const lost: string[] = [];
    /** Sends one request on a connection of its own and says what became of it. */
    const one = (method: "GET" | "POST"): Promise<"answered" | "refused" | "lost"> =>
      new Promise((resolve) => {
        let connected = false;
        const asked = request(
          {
            host: hostname,
            port,
            method,
            agent: false,
            path: method === "GET" ? "/v1/artifacts?limit=5" : streamed,
            headers: { authorization: `Bearer ${charter.adminKey}`, "content-type": "text/plain" },
          },
          (answer) => {
            answer.resume();
            answer.once("end", () =>
              resolve(answer.complete && [200, 201].includes(answer.statusCode ?? 0) ? "answered" : "lost"),
            );
            answer.once("error", () => resolve("lost"));
          },
        );
        asked.once("socket", (socket) => socket.once("connect", () => (connected = true)));
        // A connection that the kernel took and the server never saw is reset without a word, as if it were refused.
        asked.once("error", (error: NodeJS.ErrnoException) => {
          const unseen = stopping && (!connected || error.code === "ECONNRESET");
          resolve(unseen ? "refused" : "lost");
        });
        asked.end(method === "POST" ? "content" : undefined);
      });
    const worker = async (method: "GET" | "POST"): Promise<void> => {
      for (;;) {
        const begunWhileStopping = stopping;
        const outcome = await one(method);
        if (outcome === "refused") return void (counts.refused += 1);
        if (outcome === "lost") lost.push(method);
        counts.answered += 1;
        if (method === "POST") counts.stored += 1;
        if (begunWhileStopping) counts.late += 1;
      }
    };
    const workers = [
      ...Array.from({ length: 8 }, () => worker("GET")),
      ...Array.from({ length: 8 }, () => worker("POST")),
    ];
    await eventually(() => counts.answered > 20);
    stopping = true;
    process.kill(charter.pid, "SIGTERM");
    await Promise.all(workers);
    expect(lost).toEqual([]);
    expect(counts.answered).toBeGreaterThan(20);
    expect(counts.late).toBeGreaterThan(0);
    expect(counts.refused).toBe(16);
    expect(await charter.exit).toBe(0);
    // What was answered is there, and what was reset unseen is not.
    await using again = await spawnCharter({ dataDir: join(folder, "data"), adminKey: charter.adminKey });
    expect(await everyPage(again, "/v1/artifacts?product=AI_ASSISTANT", "artifacts")).toHaveLength(counts.stored);
  });

  it("cuts off what has not ended by the time allowed, and still ends with 0", async () => {
    await using charter = await start("--drain-timeout-ms", "700", "--min-bytes-per-second", "0");
    const stuck = open(
      charter.url,
      `POST ${streamed} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${charter.adminKey}\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n01234`,
    );
    await sleep(300);
    expect(await charter.stop()).toBe(0);
    await stuck.closed;
    expect(stuck.heard()).not.toContain("201");
  });

  it("does not wait for a connection that was opened ahead, and does for a request whose first bytes have come", async () => {
    await using charter = await start("--drain-timeout-ms", "3600000");
    const begun = open(charter.url, "GET /health HTTP/1.1\r\n");
    await once(begun.socket, "connect");
    const unused = open(charter.url, "");
    await once(unused.socket, "connect");
    const used = open(charter.url, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    await eventually(() => used.heard().includes("200 OK"), "an answer on a connection that came last");
    const exit = charter.stop();
    const first = await Promise.race([unused.closed.then(() => "unused"), begun.closed.then(() => "begun")]);
    expect(first).toBe("unused");
    begun.socket.write("Host: h\r\n\r\n");
    expect(await exit).toBe(0);
    await begun.closed;
    expect(begun.heard()).toMatch(/^HTTP\/1\.1 (200|503) /);
  });

  it("a second time ends it at once", async () => {
    const child = spawn(
      process.execPath,
      [
        "bin/charter.cjs",
        "serve",
        "--port",
        "0",
        "--data",
        join(folder, "data"),
        "--json",
        "--drain-notice-ms",
        "60000",
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const exited = once(child, "exit");
    const { url } = JSON.parse(String((await once(child.stdout, "data"))[0])) as { url: string };
    child.kill("SIGTERM");
    await eventually(async () => (await fetch(`${url}/ready`)).status === 503);
    // One press of Ctrl-C may arrive several times; two presses are further apart.
    await sleep(600);
    child.kill("SIGTERM");
    const [code, signal] = (await exited) as [number | null, string | null];
    expect([code === 0, signal === "SIGKILL"]).toEqual([false, false]);
  });
});
