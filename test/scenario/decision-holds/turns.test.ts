// Acts that change who may do what, many at once, on PostgreSQL: they take turns, and none holds the others up.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDatabase } from "../../../src/db/index.ts";
import { CredentialLookup } from "../../../src/identity/index.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import type { Credential } from "../../../src/kernel/credential.ts";
import { envelope, startTestCharter } from "../../support/app/in-process.ts";
import type { TestCharter } from "../../support/app/in-process.ts";
import { personAt, signIn } from "../../support/identity/oauth.ts";
import { eventually } from "../../support/wait.ts";
import { freshPostgres } from "../../support/servers/postgres.ts";
import type { FreshPostgres } from "../../support/servers/postgres.ts";
import { describeWith } from "../../support/servers/requires.ts";

describeWith(["postgres"], "changes of who may do what", () => {
  let postgres: FreshPostgres;
  let dataDir: string;
  let charter: TestCharter;
  let server: Client;

  beforeAll(async () => {
    postgres = await freshPostgres();
    dataDir = await mkdtemp(join(tmpdir(), "charter-turns-"));
    charter = await startTestCharter({ dataDir, flags: { database: postgres.url } });
    server = new Client({ connectionString: postgres.url });
    await server.connect();
  });
  afterAll(async () => {
    await server.end();
    await charter[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const keyFor = async (fields: Record<string, unknown>): Promise<{ id: string; key: string }> =>
    (await charter.ask("/v1/keys", { body: fields })).json;
  const admins = async (count: number): Promise<readonly { id: string; session: string }[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const person = await personAt(charter, { kind: "admin", role: "admin" });
        return { id: person.id, session: (await signIn(charter, person)).json.access_token };
      }),
    );
  /** Deadlocks that the server has counted; each connection tells of its own within a second, or when it is idle. */
  const deadlocks = async (): Promise<number> => {
    await server.query("select pg_sleep(1.2)");
    const sql = "select deadlocks from pg_stat_database where datname = current_database()";
    return Number((await server.query(sql)).rows[0].deadlocks);
  };
  const rename = (id: string, key: string, fullName: string) =>
    charter.ask(`/v1/users/${id}`, { method: "PATCH", key, body: { full_name: fullName } });

  it("by admins that change each other and make keys do not wait for each other in a circle", async () => {
    const all = await admins(4);
    const keys = await Promise.all(all.map(({ id }) => keyFor({ kind: "admin", owner: id })));
    const before = await deadlocks();
    const statuses: number[] = [];
    for (let round = 0; round < 6; round++) {
      const answers = await Promise.all(
        all.flatMap(({ session }, i) => {
          const other = all[(i + 1) % all.length]!.id;
          return [
            rename(other, session, `Round ${round}`),
            charter.ask("/v1/keys", { key: session, body: { kind: "admin" } }),
            rename(other, keys[i]!.key, `Turn ${round}`),
          ];
        }),
      );
      statuses.push(...answers.map(({ status }) => status));
    }
    expect(new Set(statuses)).toEqual(new Set([200, 201]));
    expect(await deadlocks()).toBe(before);
  });

  it("do not wait for a flood of others by narrowed keys, nor of writes by the key that is to be revoked", async () => {
    const all = await admins(3);
    const narrow = { kind: "admin", operations: ["user.update"] };
    const keys = await Promise.all(all.map(({ id }) => keyFor({ ...narrow, owner: id })));
    const writer = await keyFor({ kind: "product", product: "AI_ASSISTANT" });
    const revoke = async (): Promise<number> => {
      const { id } = await keyFor({ kind: "product", product: "WORKFLOW" });
      const startMs = performance.now();
      expect((await charter.ask(`/v1/keys/${id}`, { method: "DELETE" })).status).toBe(200);
      return performance.now() - startMs;
    };
    const atRest: number[] = [];
    for (let i = 0; i < 5; i++) atRest.push(await revoke());
    const flood = new AbortController();
    const statuses = new Set<number>();
    const loop = async (ask: () => Promise<{ readonly status: number }>) => {
      while (!flood.signal.aborted) statuses.add((await ask()).status);
    };
    const loops = keys.flatMap(({ key }, i) =>
      [1, 2].map(() => loop(() => rename(all[(i + 1) % all.length]!.id, key, `Name ${Math.random()}`))),
    );
    const busy: number[] = [];
    for (let i = 0; i < 9; i++) busy.push(await revoke());
    const body = () => ({ key: writer.key, body: envelope({ payload: Math.random() }) });
    const writes = Array.from({ length: 8 }, () => loop(() => charter.ask("/v1/artifacts", body())));
    await revoke();
    const startMs = performance.now();
    expect((await charter.ask(`/v1/keys/${writer.id}`, { method: "DELETE" })).status).toBe(200);
    const own = performance.now() - startMs;
    flood.abort();
    await Promise.all([...loops, ...writes]);
    const median = (all: readonly number[]) => all.toSorted((one, other) => one - other)[Math.floor(all.length / 2)]!;
    expect(statuses).toEqual(new Set([200, 201, 401]));
    // Each waits for its turn behind six others and shares the cores with them; a circle costs a second each.
    expect(median(busy)).toBeLessThan(median(atRest) * 20 + 200);
    expect(own).toBeLessThan(median(atRest) * 20 + 1000);
  });

  it("are not put off by effects of other processes that share their row one after another", async () => {
    const { id } = await keyFor({ kind: "product", product: "AI_ASSISTANT" });
    await using elsewhere = await openDatabase({ kind: "postgres", url: postgres.url }, silentLog);
    const credentials = new CredentialLookup(elsewhere, systemClock, () => undefined);
    const credential: Credential = { kind: "key", id, owner: null, expiresMs: Number.POSITIVE_INFINITY };
    const most = 150;
    let effects = 0;
    /** An effect that ends only once the next one shares the row too, or has to wait for it. */
    const relay = (shares: () => void): Promise<unknown> =>
      elsewhere.transact(async (tx) => {
        if ((await credentials.present(credential, tx)) === undefined) return;
        shares();
        await sql`select pg_sleep(0.02)`.execute(tx);
        if (++effects >= most) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        later.push(relay(resolve));
        await Promise.race([promise, sql`select pg_sleep(0.3)`.execute(tx)]);
      });
    const later: Promise<unknown>[] = [];
    later.push(relay(() => {}));
    await eventually(() => Promise.resolve(effects > 2));
    expect((await charter.ask(`/v1/keys/${id}`, { method: "DELETE" })).status).toBe(200);
    expect(effects).toBeLessThan(most);
    for (const each of later) await each;
  });
});
