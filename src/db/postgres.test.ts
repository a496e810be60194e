import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onPostgres } from "../../test/contract/databases.ts";
import type { DatabasePlace, DatabasePlaces } from "../../test/contract/databases.ts";
import { silentLog } from "../kernel/ctx.ts";
import { freshPostgres } from "../../test/support/servers/postgres.ts";
import { startCuttingProxy } from "../../test/support/servers/cutting-proxy.ts";
import { Effects, onEnd, openDatabase } from "./index.ts";
import type { Database, Durability, Migration } from "./index.ts";

describe("opening a database on PostgreSQL", () => {
  it("rejects with db.unavailable when no server answers", async () => {
    const nobody = { kind: "postgres", url: "postgres://nobody@127.0.0.1:1/none", connectTimeoutMs: 500 } as const;
    await expect(openDatabase(nobody, silentLog)).rejects.toMatchObject({ code: "db.unavailable" });
  });
});

onPostgres((name: string, places: DatabasePlaces) => {
  describe(`what is special to ${name}`, () => {
    let place: DatabasePlace;
    let db: Database<{ pair: { id: string; n: number } }>;

    beforeAll(async () => {
      place = await places();
      db = (await place.open()).tables();
      await db.transact(async (tx) => {
        await sql`create table pair (id text primary key, n bigint not null)`.execute(tx);
        await sql`insert into pair values ('a', 0), ('b', 0)`.execute(tx);
      });
    });

    afterAll(async () => {
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    it("runs a unit again that the server undid because of a deadlock", async () => {
      const bothHoldOne = Promise.withResolvers<void>();
      let holding = 0;
      let tries = 0;
      const update = (first: "a" | "b", second: "a" | "b") =>
        db.transact(async (tx) => {
          tries++;
          const add = (id: string) => sql`update pair set n = n + 1 where id = ${id}`.execute(tx);
          await add(first);
          if (++holding >= 2) bothHoldOne.resolve();
          await bothHoldOne.promise;
          await add(second);
        });
      await Promise.all([update("a", "b"), update("b", "a")]);
      // The server may undo both when both have waited for as long.
      expect(tries).toBeGreaterThan(2);
      const rows = await db.read.selectFrom("pair").select("n").execute();
      expect(rows.map((row) => row.n)).toEqual([2, 2]);
    });

    it.each([
      ["answer", true],
      ["commit", false],
    ] as const)(
      "rejects when a connection is lost with the %s of a commit, and then tells truly what became of it",
      async (what, isDone) => {
        await using fresh = await freshPostgres();
        await using proxy = await startCuttingProxy(fresh.url);
        await using lossy = await openDatabase({ kind: "postgres", url: proxy.url }, silentLog);
        await lossy.migrate([]);
        const effects = new Effects(lossy);
        const told: boolean[] = [];
        const lost = (durability: Durability, intent: number) => {
          proxy.cut(what);
          return lossy.transact(async (tx) => {
            onEnd(tx, (isCommitted) => void told.push(isCommitted));
            await effects.note(tx, intent);
          }, durability);
        };
        for (const [intent, durability] of (["durable", "shared", "relaxed"] as const).entries()) {
          await expect(lost(durability, intent)).rejects.toMatchObject({ code: "db.unavailable" });
          expect([...(await effects.among([intent]))]).toEqual(isDone ? [intent] : []);
        }
        expect(told).toEqual([false, false, false]);
      },
    );

    it("takes all the time that a migration needs, and lets a second start wait for it", async () => {
      await using fresh = await freshPostgres();
      // The client gives a statement that serves callers 5 s more than the server does.
      const said: string[] = [];
      const log = { ...silentLog, warn: (_: object, message: string) => void said.push(message) };
      const open = () => openDatabase({ kind: "postgres", url: fresh.url, statementTimeoutMs: 100 }, log);
      await using first = await open();
      await using second = await open();
      let runs = 0;
      const slow: Migration = {
        name: "slow-0001",
        async up(tx) {
          runs++;
          await sql`select pg_sleep(6)`.execute(tx);
        },
      };
      await Promise.all([first.migrate([slow]), second.migrate([slow])]);
      expect(runs).toBe(1);
      expect(said).toEqual(["another process changes the schema of the database; waiting for it"]);
      await expect(first.transact((tx) => sql`select pg_sleep(6)`.execute(tx))).rejects.toMatchObject({
        code: "db.unavailable",
      });
    });

    it("refuses a text that PostgreSQL cannot hold as what it is, and works on with the same connection", async () => {
      await using fresh = await freshPostgres();
      await using one = await openDatabase({ kind: "postgres", url: fresh.url, poolSize: 1 }, silentLog);
      const pid = async () =>
        (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(one.read)).rows[0]?.pid;
      const before = await pid();
      await expect(sql`select ${"a\0b"}::text`.execute(one.read)).rejects.toMatchObject({ code: "db.text_invalid" });
      expect(await pid()).toBe(before);
    });

    it("resolves a shared unit when the log is on the disk up to its commit", async () => {
      const beyond = async (durability: Durability) => {
        const end = await db.transact(async (tx) => {
          await sql`update pair set n = n`.execute(tx);
          const { rows } = await sql<{ end: string }>`select pg_current_wal_insert_lsn() as "end"`.execute(tx);
          return rows[0]!.end;
        }, durability);
        const { rows } = await sql<{ on_disk: boolean }>`
          select pg_current_wal_flush_lsn() >= ${end} as on_disk`.execute(db.read);
        return rows[0]!.on_disk;
      };
      for (let i = 0; i < 20; i++)
        expect(await Promise.all([beyond("shared"), beyond("shared")])).toEqual([true, true]);
    });

    it("turns a lost connection into db.unavailable and works again at once", async () => {
      const dieInside = db.transact(async (tx) => {
        await sql`update pair set n = 100`.execute(tx);
        await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx);
      });
      await expect(dieInside).rejects.toMatchObject({ code: "db.unavailable" });
      const dieReading = sql`select pg_terminate_backend(pg_backend_pid())`.execute(db.read);
      await expect(dieReading).rejects.toMatchObject({ code: "db.unavailable" });
      const row = await db.read.selectFrom("pair").select("n").where("id", "=", "a").executeTakeFirstOrThrow();
      expect(row.n).toBe(2);
    });
  });
});
