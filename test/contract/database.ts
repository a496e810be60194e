// What every database driver promises, as tests: `src/db/database.ts` in executable form.
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Effects, onEnd } from "../../src/db/index.ts";
import type { Database, Durability, Migration } from "../../src/db/index.ts";
import type { UnreliableDatabase } from "../support/storage/unreliable-database.ts";
import { unreliable } from "./databases.ts";
import type { DatabasePlace, DatabasePlaces } from "./databases.ts";

interface Tables {
  item: { id: string; n: number | null };
  budget: { id: string; held: number; max: number };
  grant_: { id: string };
}

const steps: readonly Migration[] = [
  {
    name: "contract-0001-tables",
    async up(tx) {
      await tx.schema
        .createTable("item")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("n", "bigint")
        .execute();
      await tx.schema.createTable("grant_").addColumn("id", "text").execute();
      await tx.schema
        .createTable("budget")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("held", "bigint", (column) => column.notNull())
        .addColumn("max", "bigint", (column) => column.notNull())
        .execute();
    },
  },
];

/** Runs the suite against one driver. */
export function databaseContract(name: string, places: DatabasePlaces): void {
  describe(`a database on ${name}`, () => {
    let place: DatabasePlace;
    let db: Database<Tables>;

    beforeAll(async () => {
      place = await places();
      db = (await place.open()).tables<Tables>();
      await db.migrate(steps);
    });

    afterAll(async () => {
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const ids = async () =>
      (await db.read.selectFrom("item").select("id").orderBy("id").execute()).map((row) => row.id);
    const put = (id: string, n: number | null = null) =>
      db.transact((tx) => tx.insertInto("item").values({ id, n }).execute());

    it("keeps relaxed and shared units like others, alone and together", async () => {
      const insert = (id: string, durability: Durability) =>
        db.transact((tx) => tx.insertInto("item").values({ id, n: null }).execute(), durability);
      await insert("relaxed-0", "relaxed");
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => {
          const durabilities = ["durable", "relaxed", "shared"] as const;
          return insert(`relaxed-${i + 1}`, durabilities[i % 3]!);
        }),
      );
      await expect(insert("relaxed-0", "relaxed")).rejects.toThrow();
      await expect(insert("relaxed-0", "shared")).rejects.toThrow();
      const again = await place.open();
      const kept = await again
        .tables<Tables>()
        .read.selectFrom("item")
        .where("id", "like", "relaxed-%")
        .select("id")
        .execute();
      expect(kept).toHaveLength(41);
      await again[Symbol.asyncDispose]();
      await db.transact((tx) => tx.deleteFrom("item").where("id", "like", "relaxed-%").execute());
    });

    it("shows a unit to readers once it has resolved", async () => {
      const value = await db.transact(async (tx) => {
        await tx.insertInto("item").values({ id: "seen", n: 1 }).execute();
        return "the unit's own value";
      });
      expect(value).toBe("the unit's own value");
      expect(await ids()).toContain("seen");
    });

    it("never shows the inside of a unit to readers", async () => {
      await db.transact(async (tx) => {
        await tx.insertInto("item").values({ id: "hidden", n: 1 }).execute();
        expect(await tx.selectFrom("item").select("id").where("id", "=", "hidden").execute()).toHaveLength(1);
        expect(await ids()).not.toContain("hidden");
      });
      expect(await ids()).toContain("hidden");
    });

    it("undoes a unit that throws and leaves its neighbours alone", async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 40 }, (_, i) =>
          db.transact(async (tx) => {
            await tx
              .insertInto("item")
              .values({ id: `neighbour-${i}`, n: i })
              .execute();
            if (i % 4 === 0) throw new Error(`unit ${i} gives up`);
          }),
        ),
      );
      const kept = (await ids()).filter((id) => id.startsWith("neighbour-"));
      expect(kept).toHaveLength(30);
      for (const [i, outcome] of outcomes.entries()) {
        expect(outcome.status).toBe(i % 4 === 0 ? "rejected" : "fulfilled");
        expect(kept.includes(`neighbour-${i}`)).toBe(i % 4 !== 0);
      }
    });

    it("undoes a unit whose statement breaks a constraint and leaves its neighbours alone", async () => {
      const outcomes = await Promise.allSettled([put("twice"), put("other"), put("twice"), put("third")]);
      expect(outcomes.filter((outcome) => outcome.status === "rejected")).toHaveLength(1);
      expect((await ids()).filter((id) => ["twice", "other", "third"].includes(id))).toHaveLength(3);
    });

    it("tells who asks in a unit how it ended: in order when it was committed, the last one first when it was undone", async () => {
      const told: string[] = [];
      const unit = (name: string, fails: boolean) =>
        db.transact(async (tx) => {
          for (const part of [1, 2]) onEnd(tx, (isCommitted) => void told.push(`${name}${part} ${isCommitted}`));
          await tx.insertInto("item").values({ id: name, n: 1 }).execute();
          if (fails) throw new Error("gives up");
        });
      await unit("told-a", false);
      await expect(unit("told-b", true)).rejects.toThrow("gives up");
      await expect(unit("told-a", false)).rejects.toThrow();
      expect(told).toEqual([
        "told-a1 true",
        "told-a2 true",
        "told-b2 false",
        "told-b1 false",
        "told-a2 false",
        "told-a1 false",
      ]);
    });

    it("runs one statement as a transaction of its own", async () => {
      const insert = db.read.insertInto("item").values({ id: "once", n: 1 }).returning("id").compile();
      expect((await db.once(insert, "durable")).rows).toEqual([{ id: "once" }]);
      await expect(db.once(insert, "relaxed")).rejects.toThrow();
      expect((await ids()).filter((id) => id === "once")).toHaveLength(1);
    });

    it("refuses a query that outlives its unit", async () => {
      let late: (() => Promise<unknown>) | undefined;
      await db.transact(async (tx) => {
        late = () => tx.insertInto("item").values({ id: "late", n: 1 }).execute();
      });
      await expect(late?.()).rejects.toThrow();
      expect(await ids()).not.toContain("late");
    });

    it("refuses writes on the reading side", async () => {
      await expect(db.read.insertInto("item").values({ id: "sneaked", n: 1 }).execute()).rejects.toThrow();
      expect(await ids()).not.toContain("sneaked");
    });

    it("admits exactly what a conditional update has room for, under 200 concurrent callers", async () => {
      await db.transact((tx) => tx.insertInto("budget").values({ id: "b", held: 0, max: 70 }).execute());
      const admitted = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          db.transact(async (tx) => {
            await tx
              .insertInto("grant_")
              .values({ id: `g-${i}` })
              .execute();
            const result = await tx
              .updateTable("budget")
              .set((eb) => ({ held: eb("held", "+", 7) }))
              .where("id", "=", "b")
              .where((eb) => eb(eb("held", "+", 7), "<=", eb.ref("max")))
              .executeTakeFirstOrThrow();
            return Number(result.numUpdatedRows) === 1;
          }),
        ),
      );
      expect(admitted.filter(Boolean)).toHaveLength(10);
      const row = await db.read.selectFrom("budget").select("held").executeTakeFirstOrThrow();
      expect(row.held).toBe(70);
    });

    it("keeps integers exact up to 2^53-1 and refuses to round larger ones", async () => {
      await put("largest", Number.MAX_SAFE_INTEGER);
      const row = await db.read.selectFrom("item").select("n").where("id", "=", "largest").executeTakeFirstOrThrow();
      expect(row.n).toBe(9007199254740991);
      await expect(put("rounded", 2 ** 60)).rejects.toThrow("2^53-1");
      await db.transact((tx) => sql`insert into item (id, n) values ('beyond', 9007199254740993)`.execute(tx));
      await expect(db.read.selectFrom("item").select("n").where("id", "=", "beyond").execute()).rejects.toThrow();
      await db.transact((tx) => tx.deleteFrom("item").where("id", "=", "beyond").execute());
    });

    it("counts as a number, not as text", async () => {
      const row = await db.read
        .selectFrom("budget")
        .select((eb) => eb.fn.countAll().as("n"))
        .executeTakeFirstOrThrow();
      expect(row.n).toBe(1);
    });

    it("runs each migration once, in order of names, whatever order they are given in", async () => {
      const ran: string[] = [];
      const step = (stepName: string): Migration => ({ name: stepName, up: async () => void ran.push(stepName) });
      const all = [step("contract-0003"), step("contract-0002"), ...steps];
      await Promise.all([db.migrate(all), db.migrate(all)]);
      await db.migrate(all);
      expect(ran).toEqual(["contract-0002", "contract-0003"]);
    });

    it("refuses a database that knows a migration we do not", async () => {
      await expect(db.migrate(steps)).rejects.toMatchObject({ code: "db.newer_schema" });
    });

    it("leaves neither changes nor history behind when a migration fails", async () => {
      const broken: Migration = {
        name: "contract-0004-broken",
        async up(tx) {
          await tx.schema.createTable("half_done").addColumn("id", "text").execute();
          throw new Error("the step breaks");
        },
      };
      const known = ["contract-0002", "contract-0003"].map((stepName) => ({ name: stepName, up: async () => {} }));
      await expect(db.migrate([...steps, ...known, broken])).rejects.toThrow("the step breaks");
      await expect(sql`select * from half_done`.execute(db.read)).rejects.toThrow();
      await db.migrate([...steps, ...known]);
    });
  });

  describe(`a database on ${name} whose connection is lost around a commit`, () => {
    it.each([
      ["answer", true],
      ["commit", false],
    ] as const)(
      "rejects for the %s, and says afterwards truly whether the unit took effect",
      async (trouble, isDone) => {
        const place = await unreliable(places)();
        try {
          await using db = (await place.open()) as UnreliableDatabase;
          await db.migrate([]);
          const effects = new Effects(db);
          const intents = [1, 2, 3, 4];
          const durabilities = ["durable", "shared", "relaxed"] as const;
          for (const [i, durability] of durabilities.entries()) {
            const unit = () => db.transact((tx) => effects.note(tx, i + 1), durability);
            await expect(db.losing([trouble], unit)).rejects.toMatchObject({ code: "db.unavailable" });
          }
          const insert = db.tables<{ effects: { intent: number } }>().read.insertInto("effects").values({ intent: 4 });
          const once = () => db.once(insert.compile(), "relaxed");
          await expect(db.losing([trouble], once)).rejects.toMatchObject({ code: "db.unavailable" });
          expect([...(await effects.among(intents))]).toEqual(isDone ? intents : []);
          const asked = () => effects.among(intents);
          await expect(db.losing(["commit"], asked)).rejects.toMatchObject({ code: "db.unavailable" });
        } finally {
          await place[Symbol.asyncDispose]();
        }
      },
    );
  });

  describe(`closing a database on ${name}`, () => {
    it("waits for the units it has accepted, refuses later ones, and all of them survive a reopen", async () => {
      const place = await places();
      try {
        const first = (await place.open()).tables<Tables>();
        await first.migrate(steps);
        const accepted = Array.from({ length: 50 }, (_, i) =>
          first.transact((tx) =>
            tx
              .insertInto("item")
              .values({ id: `kept-${i}`, n: i })
              .execute(),
          ),
        );
        const closed = first[Symbol.asyncDispose]();
        await expect(first.transact(async () => {})).rejects.toMatchObject({ code: "db.unavailable" });
        await closed;
        await Promise.all(accepted);

        const second = (await place.open()).tables<Tables>();
        await second.migrate(steps);
        expect(await second.read.selectFrom("item").select("id").execute()).toHaveLength(50);
        await second[Symbol.asyncDispose]();
      } finally {
        await place[Symbol.asyncDispose]();
      }
    });
  });
}
