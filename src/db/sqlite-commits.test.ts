import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompiledQuery } from "kysely";
import type { DatabaseConnection } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../kernel/ctx.ts";
import { openDatabase } from "./index.ts";
import { GroupCommits, commitLimits } from "./sqlite-commits.ts";
import { SqliteConnection } from "./sqlite-connection.ts";

const run = (connection: DatabaseConnection, text: string, ...values: unknown[]) =>
  connection.executeQuery<{ id: string }>(CompiledQuery.raw(text, values));

describe("opening a file on SQLite", () => {
  it("says db.unavailable where there is no folder and db.damaged where the file is something else", async () => {
    const directory = await mkdtemp(join(tmpdir(), "charter-open-"));
    const open = (name: string) => openDatabase({ kind: "sqlite", file: join(directory, name) }, silentLog);
    await writeFile(join(directory, "letter"), "Dear reader, this is not a database. ".repeat(200));
    await expect(open("letter")).rejects.toMatchObject({ code: "db.damaged" });
    await expect(open("nowhere/a.db")).rejects.toMatchObject({ code: "db.unavailable" });
    await rm(directory, { recursive: true });
  });
});

describe("group commits", () => {
  let directory: string;
  let file: string;
  let writer: SqliteConnection;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "charter-commits-"));
    file = join(directory, "a.db");
    writer = new SqliteConnection(file, "write");
    writer.exec("pragma journal_mode = wal; create table item (id text primary key, body text)");
  });

  afterEach(async () => {
    writer.close();
    await rm(directory, { recursive: true });
  });

  const insert =
    (id: string, body = "") =>
    (connection: DatabaseConnection) =>
      run(connection, "insert into item values (?, ?)", id, body);
  const ids = async () => (await run(writer, "select id from item order by id")).rows.map((row) => row.id);

  it("rejects every unit of a commit that fails and keeps none of them", async () => {
    writer.exec("create table child (parent text references item (id) deferrable initially deferred)");
    const commits = new GroupCommits(writer, silentLog);
    const outcomes = await Promise.allSettled([
      commits.run(insert("one")),
      commits.run((connection) => run(connection, "insert into child values ('nobody')")),
      commits.run(insert("two")),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(await ids()).toEqual([]);
    await commits.run(insert("three"));
    expect(await ids()).toEqual(["three"]);
  });

  it("reports a full medium as db.full, keeps what was acknowledged and works again when there is room", async () => {
    writer.exec("pragma max_page_count = 40");
    const commits = new GroupCommits(writer, silentLog);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) => commits.run(insert(`big-${i}`, "x".repeat(6_000)))),
    );
    const kept = outcomes.flatMap((outcome, i) => (outcome.status === "fulfilled" ? [`big-${i}`] : []));
    const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.code] : []));
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused)).toEqual(new Set(["db.full"]));
    expect(await ids()).toEqual(kept.sort());
    writer.exec("pragma max_page_count = 4000");
    await commits.run(insert("later"));
    expect(await ids()).toContain("later");
  });

  it("runs units that wait, however long the thread was stopped between beginning a commit and gathering for it", async () => {
    const commits = new GroupCommits(writer, silentLog, { ...commitLimits, maxGatherMs: 0 });
    await Promise.all([commits.run(insert("one")), commits.run(insert("two")), commits.run(insert("three"))]);
    expect(await ids()).toEqual(["one", "three", "two"]);
  });

  it("undoes a unit that takes too long and lets the others through", async () => {
    const commits = new GroupCommits(writer, silentLog, { ...commitLimits, maxUnitMs: 500 });
    const stuck = commits.run(async (connection) => {
      await insert("stuck")(connection);
      await new Promise(() => {});
    });
    const next = commits.run(insert("next"));
    await expect(stuck).rejects.toMatchObject({ code: "db.unavailable" });
    await next;
    expect(await ids()).toEqual(["next"]);
  });

  it("tells every unit of a commit whose savepoint fails, and works on", async () => {
    let savepoints = 0;
    const failing = Object.create(writer, {
      exec: {
        value: (text: string) => {
          if (text === "savepoint unit" && ++savepoints === 2) throw new Error("out of memory");
          writer.exec(text);
        },
      },
      executeSync: { value: (query: CompiledQuery) => writer.executeSync(query) },
      inTransaction: { get: () => writer.inTransaction },
    }) as SqliteConnection;
    const commits = new GroupCommits(failing, silentLog);
    const outcomes = await Promise.allSettled([commits.run(insert("one")), commits.run(insert("two"))]);
    expect(outcomes).toMatchObject([
      { status: "rejected", reason: { message: "out of memory" } },
      { status: "rejected", reason: { message: "out of memory" } },
    ]);
    expect(await ids()).toEqual([]);
    await commits.run(insert("three"));
    expect(await ids()).toEqual(["three"]);
  });

  it("gives up with db.unavailable while another process holds the write lock, and recovers afterwards", async () => {
    const other = new SqliteConnection(file, "write");
    other.exec("begin immediate");
    const commits = new GroupCommits(writer, silentLog, { ...commitLimits, lockWaitMs: 0 });
    await expect(commits.run(insert("one"))).rejects.toMatchObject({ code: "db.unavailable" });
    other.exec("rollback");
    other.close();
    await commits.run(insert("two"));
    expect(await ids()).toEqual(["two"]);
  });

  it("commits many waiting units in few transactions", async () => {
    let commitCount = 0;
    const counted = Object.create(writer, {
      exec: { value: (text: string) => ((commitCount += text === "commit" ? 1 : 0), writer.exec(text)) },
      executeSync: { value: (query: CompiledQuery) => writer.executeSync(query) },
      inTransaction: { get: () => writer.inTransaction },
    }) as SqliteConnection;
    const commits = new GroupCommits(counted, silentLog, { ...commitLimits, maxGatherMs: 10_000 });
    await Promise.all(Array.from({ length: 300 }, (_, i) => commits.run(insert(`many-${i}`))));
    expect(await ids()).toHaveLength(300);
    expect(commitCount).toBe(2);
  });
});
