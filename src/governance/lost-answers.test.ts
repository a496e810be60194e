// What the gate puts on record of acts whose connection to the database is lost, on both databases: what is true of them.
import { describe, expect, it } from "vitest";
import { onBothDialects, onPostgres } from "../../test/contract/databases.ts";
import type { DatabasePlaces } from "../../test/contract/databases.ts";
import { TroubledConnection } from "../../test/support/storage/troubled.ts";
import { defaultConstitutionDir, loadConstitution } from "../constitution/index.ts";
import { Effects } from "../db/index.ts";
import { systemClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { newId } from "../kernel/ids.ts";
import type { Leaf, Ledger } from "../ledger/index.ts";
import { openGate } from "./act.ts";
import { openHalts } from "./halts.ts";
import { governanceMigrations } from "./store/migrations.ts";

const constitution = loadConstitution(defaultConstitutionDir());
const attempt = {
  operation: "budget.set",
  resource: "budget/1",
  action: "MANAGE_GOVERNANCE",
  target: { kind: "governance", product: null },
} as const;

function callerOf(): Ctx {
  return {
    principal: { id: "key_test0001", kind: "admin", product: null, role: "admin" },
    operation: "budget.set",
    permission: "budget.configure",
    address: "",
    requestId: newId<"request">(systemClock),
    signal: new AbortController().signal,
    clock: systemClock,
    log: silentLog,
  };
}

interface Tables {
  things: { name: string };
}

/** A gate over a database whose connection can be lost, with a table that its acts write to. */
async function rig(places: DatabasePlaces) {
  const place = await places();
  const database = await place.open();
  const things = {
    name: "zz-things",
    up: async (tx: Parameters<(typeof governanceMigrations)[number]["up"]>[0]) =>
      tx.schema.createTable("things").addColumn("name", "text").execute(),
  };
  await database.migrate([...governanceMigrations, things]);
  const connection = new TroubledConnection(database);
  const leaves: Leaf[] = [];
  const append: Ledger["append"] = async (added) => {
    leaves.push(...added);
    return leaves.length - added.length;
  };
  const gate = openGate({
    constitution,
    ledger: { append } as unknown as Ledger,
    halts: await openHalts(database),
    credentials: { present: async () => undefined, presentAll: async () => new Map() },
    database: connection.database(),
    log: silentLog,
  });
  return {
    connection,
    leaves,
    /** Writes a name, as an act. */
    write: (name: string) =>
      gate.act(callerOf(), attempt, async (act) => {
        await act.transact<unknown, Tables>((tx) => tx.insertInto("things").values({ name }).execute());
        return { value: name };
      }),
    written: async () =>
      (await database.tables<Tables>().read.selectFrom("things").select("name").execute()).map(({ name }) => name),
    ends: () => leaves.filter(({ kind }) => kind === "outcome").map(({ outcome, code }) => code ?? outcome),
    async [Symbol.asyncDispose]() {
      await gate[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

onBothDialects((name, places) => {
  describe(`acts over a connection to ${name} that is lost`, () => {
    it("are done when they were, and failed when they were not", async () => {
      await using at = await rig(places);
      at.connection.next = ["lost_after"];
      expect((await at.write("kept")).value).toBe("kept");
      at.connection.next = ["lost_before"];
      await expect(at.write("lost")).rejects.toMatchObject({ code: "db.unavailable" });
      expect(at.ends()).toEqual(["committed", "db.unavailable"]);
      expect(await at.written()).toEqual(["kept"]);
    });

    it("have no outcome while nobody can say, and then the true one", async () => {
      await using at = await rig(places);
      at.connection.next = ["lost_after", "lost_before", "lost_before"];
      await expect(at.write("kept")).rejects.toMatchObject({ code: "db.unavailable" });
      expect(at.ends()).toEqual([]);
      await expect.poll(at.ends).toEqual(["effect.applied"]);
      expect(await at.written()).toEqual(["kept"]);
    });

    it("get the true outcome each, however many at once and whatever becomes of their connections", async () => {
      await using at = await rig(places);
      const fates = ["lost_after", "answered", "lost_before"] as const;
      at.connection.next = Array.from({ length: 60 }, (_, i) => fates[(i * 7) % 3]!);
      const names = Array.from({ length: 40 }, (_, i) => `thing-${String(i).padStart(2, "0")}`);
      await Promise.allSettled(names.map((each) => at.write(each)));
      await expect.poll(() => at.ends().length).toBe(40);
      const applied = at.ends().filter((end) => end === "committed" || end === "effect.applied").length;
      const there = await at.written();
      expect([applied, new Set(there).size]).toEqual([there.length, there.length]);
    });
  });
});

onPostgres((_, places) => {
  it("an effect that is still being committed is waited for, and not taken for none", async () => {
    await using place = await places();
    await using database = await place.open();
    await database.migrate([]);
    const effects = new Effects(database);
    const { promise: committed, resolve: commit } = Promise.withResolvers<void>();
    const { promise: noted, resolve: began } = Promise.withResolvers<void>();
    const act = database.transact(async (tx) => {
      await effects.note(tx, 7);
      began();
      await committed;
    });
    await noted;
    let answer: ReadonlySet<number> | undefined;
    const asked = effects.among([7, 8]).then((found) => (answer = found));
    await database.read.selectNoFrom((eb) => eb.lit(1).as("one")).execute();
    expect(answer).toBeUndefined();
    commit();
    await act;
    expect([...(await asked)]).toEqual([7]);
  });
});
