// What identity promises on every database: keys are made, found, listed and revoked as `src/identity` says.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../../src/constitution/index.ts";
import type { Database } from "../../src/db/index.ts";
import { identityMigrations, mintKey, openIdentity } from "../../src/identity/index.ts";
import type { Identity, KeyId } from "../../src/identity/index.ts";
import type { Owner } from "../../src/identity/owner.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import type { Role } from "../../src/kernel/ctx.ts";
import { lesserRole } from "../../src/kernel/roles.ts";
import type { UnreliableDatabase } from "../support/storage/unreliable-database.ts";
import { unreliable } from "./databases.ts";
import type { DatabasePlace, DatabasePlaces } from "./databases.ts";
import { actOn, appliedOf } from "../support/storage/acts.ts";

/** Who a key's text is, from an address. */
async function principalOf({ authenticator }: Pick<Identity, "authenticator">, text: string, address: string) {
  return (await authenticator.identify({ scheme: "bearer", text, address }))?.principal;
}

/** Runs the suite on one database. */
export function identityContract(name: string, places: DatabasePlaces): void {
  describe(`identity on ${name}`, () => {
    let place: DatabasePlace;
    let db: Database;
    let unreliableDb: UnreliableDatabase;
    let identity: Identity;
    let another: Identity;
    /** The one owner in good standing, with what a test changes of it. */
    let owner: Owner = { role: "admin", product: null };
    const ownerOf = async (id: string): Promise<Owner | undefined> => (id === "usr_good" ? owner : undefined);
    const { roles } = loadConstitution(defaultConstitutionDir()).data;
    const more = { ownerOf, lesserRole: (one: Role, other: Role) => lesserRole(one, other, roles) };
    let nowMs = Date.UTC(2026, 0, 1);
    /** By how much someone has set the clock, milliseconds. */
    let setMs = 0;
    const clock = { nowMs: () => nowMs + setMs, steady: { nowMs: () => nowMs } };

    beforeAll(async () => {
      place = await unreliable(places)();
      unreliableDb = (await place.open()) as UnreliableDatabase;
      db = unreliableDb;
      await db.migrate(identityMigrations);
      identity = openIdentity({ db, clock, log: silentLog, ...more });
      another = openIdentity({ db, clock, log: silentLog, ...more });
    });

    afterAll(async () => {
      await identity[Symbol.asyncDispose]();
      await another[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const create = async (product: string | null = "AI_ASSISTANT", intent?: number) => {
      const minted = mintKey(product === null ? "admin" : "product");
      const key = { minted, product, createdBy: "system" };
      return { minted, record: await identity.keyWriter.create(key, actOn(db, intent)) };
    };

    it("knows that no key was ever made, until one is", async () => {
      expect(await identity.keys.any()).toBe(false);
      await create(null);
      expect(await identity.keys.any()).toBe(true);
    });

    it("gives the principal of a key that was created", async () => {
      const { minted, record } = await create();
      expect(record).toEqual({
        id: minted.id,
        kind: "product",
        product: "AI_ASSISTANT",
        label: null,
        role: "developer",
        operations: null,
        networks: null,
        expiresAt: null,
        owner: null,
        calls: null,
        lastUsedAt: null,
        createdAt: "2026-01-01T00:00:00.000Z",
        createdBy: "system",
        revokedAt: null,
      });
      const principal = { id: minted.id, kind: "product", product: "AI_ASSISTANT", role: "developer" };
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toEqual(principal);
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toEqual(principal);
      expect(await identity.keys.get(minted.id)).toEqual(record);
    });

    it("makes and revokes a key exactly when that is told, whatever is lost of the commit", async () => {
      const minted = mintKey("product");
      const principal = async () => (await principalOf(another, minted.text, "127.0.0.1"))?.id;
      const store = () =>
        identity.keyWriter.create({ minted, product: "AI_ASSISTANT", createdBy: "system" }, actOn(unreliableDb));
      const lost = { code: "db.unavailable" };
      await expect(unreliableDb.losing(["commit"], store)).rejects.toMatchObject(lost);
      expect(await principal()).toBeUndefined();
      expect(await unreliableDb.losing(["answer"], store)).toMatchObject({ id: minted.id });
      expect(await principal()).toBe(minted.id);
      const revoke = () => identity.keyWriter.revoke(minted.id, actOn(unreliableDb));
      await expect(unreliableDb.losing(["commit"], revoke)).rejects.toMatchObject(lost);
      expect((await principalOf(identity, minted.text, "127.0.0.1"))?.id).toBe(minted.id);
      // Nor is it known here any more when it is not known whether it was revoked.
      await expect(unreliableDb.losing(["answer", "commit"], revoke)).rejects.toThrow("cannot be asked now");
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toBeUndefined();
      expect(await unreliableDb.losing(["answer"], revoke)).toMatchObject({ id: minted.id });
    });

    it("gives nobody for a wrong secret, another kind's letters, an unknown prefix and text that is no key", async () => {
      const { minted } = await create();
      const other = mintKey("product");
      const crossed = minted.text.slice(0, -43) + other.text.slice(-43);
      for (const text of [crossed, minted.text.replace("_pr_", "_ad_"), other.text, "charter_", "", minted.id]) {
        expect(await principalOf(identity, text, "127.0.0.1")).toBeUndefined();
      }
    });

    it("keeps no secret in the table", async () => {
      const { minted } = await create();
      const rows = await db.tables<{ identity_keys: object }>().read.selectFrom("identity_keys").selectAll().execute();
      const dump = JSON.stringify(rows);
      expect(dump).toContain(minted.id);
      expect(dump).not.toContain(minted.text.slice(-43));
    });

    it("refuses a revoked key at once, even one it has just seen, and keeps the first time of revocation", async () => {
      const { minted } = await create();
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toBeDefined();
      const revoked = await identity.keyWriter.revoke(minted.id, actOn(db));
      expect(revoked.revokedAt).toBe("2026-01-01T00:00:00.000Z");
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toBeUndefined();
      nowMs += 1_000;
      expect(await identity.keyWriter.revoke(minted.id, actOn(db))).toEqual(revoked);
    });

    it("knows what narrows a key, and refuses it from other networks and after its expiry", async () => {
      const minted = mintKey("product");
      const expiresAt = new Date(nowMs + 60_000).toISOString();
      const scope = {
        role: "observer",
        operations: ["artifact.read"],
        networks: ["10.0.0.0/8", "::1"],
        expiresAt,
        calls: { models: ["gpt-5*"], budget: { unit: "tokens", window: "day", limit: 5 }, rpm: 1, tpm: 2 },
      } as const;
      const record = await identity.keyWriter.create(
        { minted, product: "WORKFLOW", createdBy: "system", ...scope },
        actOn(db),
      );
      expect(record).toMatchObject({ ...scope, networks: ["10.0.0.0/8", "::1/128"] });
      const from = (address: string) => principalOf(identity, minted.text, address);
      expect(await from("10.200.3.4")).toMatchObject({
        role: "observer",
        operations: ["artifact.read"],
        calls: scope.calls,
      });
      expect(await from("::ffff:10.200.3.4")).toBeDefined();
      expect(await from("127.0.0.1")).toBeUndefined();
      nowMs += 59_999;
      expect(await from("::1")).toBeDefined();
      nowMs += 1;
      expect(await from("::1")).toBeUndefined();
    });

    it.each([
      [{ operations: [] }, "operations"],
      [{ networks: ["localhost"] }, "networks"],
      [{ networks: Array.from({ length: 51 }, () => "::1") }, "networks"],
      [{ expiresAt: "2020-01-01T00:00:00Z" }, "expires_at"],
    ])("refuses the scope %j", async (scope, at) => {
      const key = { minted: mintKey("auditor"), product: null, createdBy: "system", ...scope };
      await expect(identity.keyWriter.create(key, actOn(db))).rejects.toMatchObject({
        code: "key.scope_invalid",
        facts: { at },
      });
    });

    it("refuses a key whose owner is in no good standing", async () => {
      const minted = mintKey("auditor");
      await identity.keyWriter.create({ minted, product: null, createdBy: "system", owner: "usr_nobody" }, actOn(db));
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toBeUndefined();
      const owned = mintKey("auditor");
      await identity.keyWriter.create(
        { minted: owned, product: null, createdBy: "system", owner: "usr_good" },
        actOn(db),
      );
      expect(await principalOf(identity, owned.text, "127.0.0.1")).toMatchObject({ id: owned.id });
    });

    it("gives a key no more than its owner has at the moment", async () => {
      const minted = mintKey("executor");
      const key = { minted, product: "GURUKUL", role: "operator", createdBy: "system", owner: "usr_good" } as const;
      await identity.keyWriter.create(key, actOn(db));
      const seen = async () => {
        const principal = await principalOf(identity, minted.text, "192.0.2.1");
        return principal && [principal.role, principal.product];
      };
      expect(await seen()).toEqual(["operator", "GURUKUL"]);
      owner = { role: "observer", product: "GURUKUL" };
      expect(await seen()).toEqual(["observer", "GURUKUL"]);
      owner = { role: "admin", product: "WORKFLOW" };
      expect(await seen()).toBeUndefined();
      owner = { role: "admin", product: null };
      expect(await seen()).toEqual(["operator", "GURUKUL"]);
    });

    it("notes when keys were last seen, but only when the server stops or a minute is over", async () => {
      const { minted } = await create();
      expect((await identity.keys.get(minted.id)).lastUsedAt).toBeNull();
      const brief = openIdentity({ db, clock, log: silentLog, ...more });
      await principalOf(brief, minted.text, "127.0.0.1");
      await brief[Symbol.asyncDispose]();
      expect((await identity.keys.get(minted.id)).lastUsedAt).toBe(new Date(nowMs).toISOString());
    });

    it("notices within five seconds that another process has revoked a key", async () => {
      const { minted } = await create();
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toBeDefined();
      await another.keyWriter.revoke(minted.id, actOn(db));
      nowMs += 5_000;
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toBeUndefined();
    });

    it("does not believe a remembered key longer because the clock was set back", async () => {
      const { minted } = await create();
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toBeDefined();
      await another.keyWriter.revoke(minted.id, actOn(db));
      setMs = -3_600_000;
      nowMs += 5_000;
      expect(await principalOf(identity, minted.text, "127.0.0.1")).toBeUndefined();
      setMs = 0;
    });

    it("refuses product keys without a product, unprintable labels and a second key with the same id", async () => {
      const minted = mintKey("ai_agent");
      const key = { minted, product: null, createdBy: "system" };
      await expect(identity.keyWriter.create(key, actOn(db))).rejects.toMatchObject({ code: "key.product_required" });
      const labelled = { ...key, product: "GURUKUL", label: "left\u202eright" };
      await expect(identity.keyWriter.create(labelled, actOn(db))).rejects.toMatchObject({ code: "key.label_invalid" });
      await identity.keyWriter.create({ ...labelled, label: "build server" }, actOn(db));
      await expect(identity.keyWriter.create({ ...labelled, label: "again" }, actOn(db))).rejects.toMatchObject({
        code: "key.exists",
      });
      expect((await identity.keys.get(minted.id)).label).toBe("build server");
    });

    it("says key.not_found for a key it does not have", async () => {
      await expect(identity.keys.get("key_nobody00")).rejects.toMatchObject({ code: "key.not_found" });
      await expect(identity.keyWriter.revoke("key_nobody00", actOn(db))).rejects.toMatchObject({
        code: "key.not_found",
      });
    });

    it("tells whether an intent was applied", async () => {
      expect(await appliedOf(db, [700])).toEqual([false]);
      const { minted } = await create("GURUKUL", 700);
      await identity.keyWriter.revoke(minted.id, actOn(db, 701));
      expect(await appliedOf(db, [700, 701])).toEqual([true, true]);
    });

    it("lists every key once, newest first, page by page", async () => {
      for (let i = 0; i < 7; i++) {
        nowMs += i % 2;
        await create();
      }
      const seen: KeyId[] = [];
      for (;;) {
        const after = seen.at(-1);
        const page = await identity.keys.list({ limit: 3, ...(after === undefined ? {} : { after }) });
        if (page.length === 0) break;
        seen.push(...page.map((key) => key.id));
      }
      const whole = await identity.keys.list({ limit: 1000 });
      expect(seen).toEqual(whole.map((key) => key.id));
      expect(new Set(seen).size).toBe(seen.length);
      const times = whole.map((key) => key.createdAt);
      expect(times).toEqual(times.toSorted().toReversed());
    });
  });
}
