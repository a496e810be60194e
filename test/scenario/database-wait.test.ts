// A server that is started together with its database waits until that answers, says so, and gives up with the reason.
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startCharter } from "../../src/app/start.ts";
import { loadConfig } from "../../src/config/index.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import { freshPostgres } from "../support/servers/postgres.ts";
import { eventually } from "../support/wait.ts";
import { describeWith } from "../support/servers/requires.ts";

/** Connections that pass. */
const open = new Set<Socket>();

/** Passes connections on to a database server. */
function passingTo(url: URL): Server {
  return createServer((near) => {
    const far = connect(Number(url.port || 5432), url.hostname);
    open.add(near);
    near.once("close", () => open.delete(near));
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on("error", () => (near.destroy(), far.destroy()));
  });
}

async function listening(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(port, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()));

describeWith(["postgres"], "a start before its database", () => {
  it("waits for it, says so once, is then ready, and is so only while it can be reached", async () => {
    await using postgres = await freshPostgres();
    const dataDir = await mkdtemp(join(tmpdir(), "charter-wait-"));
    const door = passingTo(new URL(postgres.url));
    const port = await listening(door, 0);
    await closed(door);
    const url = new URL(postgres.url);
    url.host = `127.0.0.1:${port}`;
    const { config } = loadConfig({
      flags: { port: "0", data: dataDir, database: url.href },
      env: {},
      cwd: dataDir,
      readFile: () => undefined,
    });
    const said: string[] = [];
    const { promise: waits, resolve } = Promise.withResolvers<void>();
    const warn = (facts: object, message?: string): void => {
      said.push(`${message} ${JSON.stringify(facts)}`);
      resolve();
    };
    const starting = startCharter(config, { version: "0.0.0", log: { ...silentLog, warn } });
    await waits;
    const again = passingTo(new URL(postgres.url));
    await listening(again, port);
    const charter = await starting;
    try {
      expect((await fetch(`${charter.url}/ready`)).status).toBe(200);
      const waiting = said.filter((line) => line.includes("waiting for it"));
      expect(waiting).toEqual([expect.stringMatching(`127.0.0.1:${port}.*ECONNREFUSED`)]);
      expect(waiting.join()).not.toContain(new URL(postgres.url).password || "no password");

      const ready = async (): Promise<[number, string | undefined]> => {
        const answer = await fetch(`${charter.url}/ready`);
        return [answer.status, ((await answer.json()) as { reason?: string }).reason];
      };
      const left = closed(again);
      for (const socket of open) socket.destroy();
      await left;
      await eventually(async () => (await ready())[0] === 503);
      expect(await ready()).toEqual([503, "the database cannot be reached"]);
      expect((await fetch(`${charter.url}/health`)).status).toBe(200);
      await listening(again, port);
      await eventually(async () => (await ready())[0] === 200);
    } finally {
      await charter.close();
      again.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
