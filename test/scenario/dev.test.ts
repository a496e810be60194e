// The playground is started twice on one folder, as a developer would start it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plainEnv } from "../support/app/charter.ts";

/** The last thing that is shown to try, so everything is there. */
const lastLine = /^ {2}CHARTER_URL=(\S+) CHARTER_KEY=(\S+) npx charter ledger verify$/m;

/** A running playground and what it showed. */
interface Shown extends AsyncDisposable {
  readonly text: string;
  readonly url: string;
  readonly adminKey: string;
}

async function start(folder: string): Promise<Shown> {
  const args = [resolve("scripts/dev.ts"), `--folder=${folder}`, "--port", "0"];
  const child = spawn(process.execPath, args, { env: plainEnv(), stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  let [text, complaints] = ["", ""];
  child.stderr.on("data", (piece) => (complaints += String(piece)));
  for await (const line of createInterface({ input: child.stdout })) {
    text += `${line}\n`;
    if (lastLine.test(text)) break;
  }
  const [, url, adminKey] = lastLine.exec(text) ?? [];
  if (url === undefined || adminKey === undefined) throw new Error(`nothing to try: ${text}${complaints}`);
  return {
    text,
    url,
    adminKey,
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await exited;
    },
  };
}

async function read(url: string, path: string, key: string) {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of two shapes
  return (await answer.json()) as any;
}

async function ledgerSize(url: string): Promise<number> {
  const answer = await fetch(`${url}/ledger/checkpoint`);
  return Number((await answer.text()).split("\n")[1]);
}

/** The products with their keys, as they are shown. */
function keysOf(text: string): readonly (readonly [string, string])[] {
  return [...text.matchAll(/^ {2}([A-Z_]+) +(charter_pr_\S+)$/gm)].map(([, name = "", key = ""]) => [name, key]);
}

describe("npm run dev", () => {
  const folder = mkdtempSync(join(tmpdir(), "charter-dev-"));
  let first: string;
  let sizeAfterFirst: number;

  beforeAll(async () => {
    await using playground = await start(folder);
    first = playground.text;
    sizeAfterFirst = await ledgerSize(playground.url);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("seeds four products whose keys work, and says that the model calls were simulated", async () => {
    await using playground = await start(folder);
    const keys = keysOf(playground.text);
    expect(keys.map(([name]) => name)).toEqual(["AI_ASSISTANT", "AI_AVATAR", "GURUKUL", "ENFORCEMENT"]);
    for (const [name, key] of keys) {
      const { artifacts } = await read(playground.url, `/v1/artifacts?product=${name}`, key);
      expect(artifacts.length).toBeGreaterThan(0);
    }
    expect(playground.text).toMatch(/4 calls .* simulated, no model was asked/);
  });

  it("seeds once, and keeps data and keys at a restart", async () => {
    await using playground = await start(folder);
    expect(first).toContain("seeding");
    expect(playground.text).not.toContain("seeding");
    expect(keysOf(playground.text)).toEqual(keysOf(first));
    // A start writes to the ledger, but nothing like the 18 acts of the seeding.
    expect((await ledgerSize(playground.url)) - sizeAfterFirst).toBeLessThan(10);
    const { artifacts } = await read(playground.url, "/v1/artifacts?product=AI_ASSISTANT", playground.adminKey);
    expect(artifacts).toHaveLength(2);
  });
});
