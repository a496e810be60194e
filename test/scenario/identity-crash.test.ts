// kill -9 while users are made, sign in, refresh and are disabled: what was acknowledged holds, a session is whole or not
// there, and every intent is closed with the truth about its effect.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { announcedSeed, seededRandom, spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import { everyEntry, expectEachIntentClosed, expectSound } from "../support/ledger/record.ts";
import { eventually } from "../support/wait.ts";

const kills = 8;
const password = "four quiet horses graze";
const args = ["--issuer", "http://charter.test"];

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "charter-identity-crash-"));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

/** What the clients were told. */
interface Told {
  /** Ids of users, and whether each was last said to be disabled; undefined when the answer to a change never came. */
  readonly users: Map<string, boolean | undefined>;
  /** The newest refresh token of the session; undefined when the answer that brought the next one never came. */
  refresh: string | undefined;
  refreshes: number;
}

function tokens(server: CharterProcess, fields: Record<string, string>) {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams({ client_id: "charter", ...fields }).toString();
  return server.ask("/api/v1/auth/token", { key: null, headers, body });
}

/** Signs in anew; the member was made before the first kill. */
async function signIn(server: CharterProcess, told: Told): Promise<void> {
  const { status, json } = await tokens(server, { grant_type: "password", username: "member", password });
  expect(status, JSON.stringify(json)).toBe(200);
  told.refresh = json.refresh_token;
}

/** Repeats a deed until the server is gone. */
async function untilKilled(deed: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await deed();
    } catch (error) {
      if (error instanceof Error && error.name === "AssertionError") throw error;
      return;
    }
  }
}

function makeUser(server: CharterProcess, told: Told, name: string): () => Promise<void> {
  let count = 0;
  return async () => {
    const username = `${name}-${count++}`;
    const draft = { username, email: `${username}@example.org`, kind: "auditor" };
    const { status, json } = await server.ask("/v1/users", { body: draft });
    expect(status, JSON.stringify(json)).toBe(201);
    told.users.set(json.id, false);
  };
}

function toggleUsers(server: CharterProcess, told: Told, random: () => number): () => Promise<void> {
  return async () => {
    const ids = [...told.users.keys()];
    const id = ids[Math.floor(random() * ids.length)];
    if (id === undefined) return sleep(5);
    const disable = random() < 0.5;
    told.users.set(id, undefined);
    const { status } = await server.ask(`/v1/users/${id}/${disable ? "disable" : "enable"}`, { method: "POST" });
    expect(status).toBe(200);
    told.users.set(id, disable);
  };
}

function refreshSession(server: CharterProcess, told: Told): () => Promise<void> {
  return async () => {
    const shown = told.refresh ?? "";
    told.refresh = undefined;
    const { status, json } = await tokens(server, { grant_type: "refresh_token", refresh_token: shown });
    expect(status, JSON.stringify(json)).toBe(200);
    told.refresh = json.refresh_token;
    told.refreshes++;
  };
}

/** Asserts that the server knows what it acknowledged. */
async function expectKept(server: CharterProcess, told: Told): Promise<void> {
  for (const [id, disabled] of told.users) {
    const { status, json } = await server.ask(`/v1/users/${id}`);
    expect(status).toBe(200);
    if (disabled !== undefined) expect([id, json.disabled]).toEqual([id, disabled]);
    told.users.set(id, json.disabled);
  }
  if (told.refresh === undefined) return;
  const { status, json } = await tokens(server, { grant_type: "refresh_token", refresh_token: told.refresh });
  expect(status, JSON.stringify(json)).toBe(200);
}

describe("kill -9 while people come and go", () => {
  it("loses no account and no session that was acknowledged, and tells the truth about what was cut off", async () => {
    const random = seededRandom(announcedSeed("identity-crash"));
    const told: Told = { users: new Map(), refresh: undefined, refreshes: 0 };
    let adminKey = "";
    for (let round = 0; round < kills; round++) {
      await using server = await spawnCharter({ dataDir, adminKey, args });
      adminKey = server.adminKey;
      if (round === 0) {
        const draft = { username: "member", email: "member@example.org", kind: "product", product: "WORKFLOW" };
        const currentPassword = (await server.ask("/v1/users", { body: draft })).json.one_time_password;
        const body = { username: "member", current_password: currentPassword, new_password: password };
        expect((await server.ask("/api/v1/auth/password/change", { key: null, body })).status).toBe(200);
      }
      await expectKept(server, told);
      await signIn(server, told);
      const deeds = [
        makeUser(server, told, `r${round}a`),
        makeUser(server, told, `r${round}b`),
        toggleUsers(server, told, random),
        refreshSession(server, told),
      ];
      const running = deeds.map(untilKilled);
      await sleep(150 + random() * 300);
      // On a busy machine a round may have answered nothing yet; what is counted below is one of each for each kill.
      await eventually(() => told.users.size > round + 1 && told.refreshes > round + 1);
      await server.kill();
      await Promise.all(running);
      await expectSound(dataDir, `after kill ${round + 1}`);
    }
    expect(told.users.size).toBeGreaterThan(kills);
    expect(told.refreshes).toBeGreaterThan(kills);

    await using server = await spawnCharter({ dataDir, adminKey, args });
    await expectKept(server, told);
    const leaves = await everyEntry(server);
    expectEachIntentClosed(leaves);
    for (const { kind, outcome, code, operation, resource = "" } of leaves) {
      if (kind !== "outcome" || outcome !== "interrupted" || operation !== "user.create") continue;
      const { status } = await server.ask(`/v1/users/${resource.slice("user/".length)}`);
      expect([resource, code]).toEqual([resource, status === 200 ? "effect.applied" : "effect.none"]);
    }
  });
});
