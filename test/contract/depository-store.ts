// What the depository's store promises on every database: `src/depository/store/store.ts` in executable form.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/db/index.ts";
import { depositoryMigrations } from "../../src/depository/store/migrations.ts";
import { openArtifactStore } from "../../src/depository/store/sql.ts";
import { unreliable } from "./databases.ts";
import type { DatabasePlace, DatabasePlaces } from "./databases.ts";
import { storeReads } from "./store-reads.ts";
import { StoreRig, instance } from "./store-rig.ts";
import { storeWrites } from "./store-writes.ts";

/** Runs the suite on one database. */
export function depositoryStoreContract(name: string, places: DatabasePlaces): void {
  describe(`the depository's store on ${name}`, () => {
    let place: DatabasePlace;
    let db: Database;
    let rig: StoreRig;

    beforeAll(async () => {
      place = await unreliable(places)();
      db = await place.open();
      await db.migrate(depositoryMigrations);
      rig = new StoreRig(db);
    });

    afterAll(async () => {
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    storeWrites(() => rig);
    storeReads(() => rig);
  });

  describe(`an empty store on ${name}`, () => {
    it("answers with nothing", async () => {
      const place = await places();
      const db = await place.open();
      await db.migrate(depositoryMigrations);
      const store = openArtifactStore(db, instance);
      expect(await store.totals()).toEqual({ usedBytes: 0, heldBytes: 0, artifacts: 0 });
      expect(await store.usage("ANY")).toEqual({ usedBytes: 0, heldBytes: 0, artifacts: 0 });
      expect(await store.list({ limit: 10 })).toEqual([]);
      expect(await store.eachBlob(null, 10)).toEqual([]);
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });
  });
}
