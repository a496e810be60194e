// What the users' store promises on every database: see `src/identity/users/users.ts`.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashOfToken, identityMigrations, mintToken, newUserId } from "../../src/identity/index.ts";
import type { NewUser, UserId, UserRecord } from "../../src/identity/index.ts";
import { UserReader } from "../../src/identity/users/user-reader.ts";
import { StoredUserWriter } from "../../src/identity/users/user-writer.ts";
import { actOn } from "../support/storage/acts.ts";
import type { UnreliableDatabase } from "../support/storage/unreliable-database.ts";
import { unreliable } from "./databases.ts";
import type { DatabasePlace, DatabasePlaces } from "./databases.ts";

const hourMs = 3_600_000;

/** Runs the suite on one database. */
export function usersContract(name: string, places: DatabasePlaces): void {
  describe(`users on ${name}`, () => {
    let place: DatabasePlace;
    let db: UnreliableDatabase;
    let users: UserReader;
    let writer: StoredUserWriter;
    let nowMs = Date.UTC(2026, 0, 1);
    let made = 0;
    /** By how much someone has set the clock, milliseconds. */
    let setMs = 0;
    const clock = { nowMs: () => nowMs + setMs, steady: { nowMs: () => nowMs } };

    beforeAll(async () => {
      place = await unreliable(places)();
      db = (await place.open()) as UnreliableDatabase;
      await db.migrate(identityMigrations);
      users = new UserReader(db, clock);
      writer = new StoredUserWriter(db, clock);
    });

    afterAll(async () => {
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const draft = (fields: Partial<NewUser> = {}): NewUser => {
      const username = `user-${++made}`;
      return {
        id: newUserId(clock),
        username,
        email: `${username}@Example.org`,
        fullName: null,
        kind: "product",
        role: "developer",
        product: "AI_ASSISTANT",
        verified: true,
        mustChangePassword: false,
        passwordHash: "hash",
        ...fields,
      };
    };
    const create = (fields: Partial<NewUser> = {}): Promise<UserRecord> =>
      db.transact((tx) => writer.create(tx, draft(fields)));
    const token = (holder: UserId | undefined, purpose: "verify" | "reset" = "reset") => {
      const minted = mintToken();
      const expiresMs = nowMs + hourMs;
      const stored = db.transact((tx) =>
        writer.issueToken(tx, { purpose, tokenHash: minted.tokenHash, holder, expiresMs }),
      );
      return stored.then(() => minted.tokenHash);
    };
    const redeem = (tokenHash: string, purpose: "verify" | "reset" = "reset") =>
      db.transact((tx) => writer.redeemToken(tx, purpose, tokenHash));

    it("knows that there is no user, until there is one", async () => {
      expect(await users.any()).toBe(false);
      await create();
      expect(await users.any()).toBe(true);
    });

    it("makes and changes a user exactly when that is told, whatever is lost of the commit", async () => {
      const user = draft();
      const store = () => actOn(db).transact((tx) => writer.create(tx, user));
      const lost = { code: "db.unavailable" };
      await expect(db.losing(["commit"], store)).rejects.toMatchObject(lost);
      await expect(users.byId(user.id)).rejects.toMatchObject({ code: "user.not_found" });
      expect(await db.losing(["answer"], store)).toMatchObject({ id: user.id });
      const disable = () => actOn(db).transact((tx) => writer.setDisabled(tx, user.id, true));
      await expect(db.losing(["commit"], disable)).rejects.toMatchObject(lost);
      expect(await users.byId(user.id)).toMatchObject({ disabled: false });
      expect(await db.losing(["answer"], disable)).toMatchObject({ disabled: true });
      expect(await users.byId(user.id)).toMatchObject({ disabled: true });
    });

    it("finds a user by its id, its username and its address, whatever their case", async () => {
      const user = await create({ fullName: "Ada Lovelace" });
      expect(user).toMatchObject({ fullName: "Ada Lovelace", disabled: false, lastLoginAt: null, epoch: 0 });
      expect(await users.byId(user.id)).toEqual(user);
      expect(await users.byUsername(user.username.toUpperCase())).toEqual(user);
      expect(await users.byEmail(user.email.toUpperCase())).toEqual(user);
      expect((await users.withHash(user.username))?.passwordHash).toBe("hash");
    });

    it("finds nobody for names and addresses that nobody has, and for text that no database takes", async () => {
      await expect(users.byId("usr_nobody")).rejects.toMatchObject({ code: "user.not_found" });
      for (const text of ["", "nobody", "a\u0000b", "\ud800", "x@y", "' or 1=1 --", "nobody@example.org"]) {
        expect(await users.byUsername(text)).toBeUndefined();
        expect(await users.byEmail(text)).toBeUndefined();
      }
    });

    it("gives a username to one of twenty who take it at once", async () => {
      const attempts = Array.from({ length: 20 }, (_, i) =>
        create({ username: "wanted", email: `wanted-${i}@example.org` }),
      );
      const results = await Promise.allSettled(attempts);
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "user.exists" });
      }
    });

    it("gives an address to one verified user, whatever its case, and leaves nothing of the other", async () => {
      await create({ email: "One@example.org" });
      const second = draft({ email: "one@EXAMPLE.org" });
      await expect(db.transact((tx) => writer.create(tx, second))).rejects.toMatchObject({ code: "user.email_taken" });
      expect(await users.byUsername(second.username)).toBeUndefined();
    });

    it("lets several wait for one address, and gives it to the first that proves it", async () => {
      const [first, second] = [
        await create({ email: "shared@example.org", verified: false }),
        await create({ email: "shared@example.org", verified: false }),
      ];
      expect(await users.byEmail("shared@example.org")).toBeUndefined();
      expect((await db.transact((tx) => writer.verify(tx, second.id))).verified).toBe(true);
      expect((await users.byEmail("Shared@example.org"))?.id).toBe(second.id);
      await expect(db.transact((tx) => writer.verify(tx, first.id))).rejects.toMatchObject({
        code: "auth.token_invalid",
      });
      expect((await users.byId(first.id)).verified).toBe(false);
    });

    it("stores nothing of an act that fails after its change", async () => {
      const user = draft();
      const broken = db.transact(async (tx) => {
        await writer.create(tx, user);
        throw new Error("crash");
      });
      await expect(broken).rejects.toThrow("crash");
      await expect(users.byId(user.id)).rejects.toMatchObject({ code: "user.not_found" });
    });

    it("changes what an admin may change, and moves an address", async () => {
      const user = await create();
      nowMs += 1000;
      const change = {
        fullName: "New",
        kind: "auditor",
        role: "observer",
        product: null,
        email: "moved@example.org",
      } as const;
      const changed = await db.transact((tx) => writer.update(tx, user.id, () => change));
      expect(changed).toEqual({ ...user, ...change, verified: false, updatedAt: new Date(nowMs).toISOString() });
      expect(await users.byEmail(user.email)).toBeUndefined();
      // Nobody has shown that the new one is the user's own.
      expect(await users.byEmail("moved@example.org")).toBeUndefined();
      await db.transact((tx) => writer.update(tx, user.id, () => ({ verified: true })));
      expect((await users.byEmail("moved@example.org"))?.id).toBe(user.id);
      const other = await create();
      await expect(
        db.transact((tx) => writer.update(tx, other.id, () => ({ email: "MOVED@example.org", verified: true }))),
      ).rejects.toMatchObject({ code: "user.email_taken" });
      expect((await users.byEmail(other.email))?.id).toBe(other.id);
    });

    it("lets an admin vouch for an address, and voids what was mailed to one that is replaced", async () => {
      const { id, email } = await create({ verified: false });
      const rival = await create({ email, verified: false });
      const tokenHash = await token(id, "verify");
      await db.transact((tx) => writer.update(tx, id, () => ({ email: "other@example.org" })));
      await expect(redeem(tokenHash, "verify")).rejects.toMatchObject({ code: "auth.token_invalid" });
      expect(await users.byEmail("other@example.org")).toBeUndefined();
      expect(await db.transact((tx) => writer.update(tx, id, () => ({ verified: true })))).toMatchObject({
        verified: true,
      });
      expect((await users.byEmail("other@example.org"))?.id).toBe(id);
      await expect(
        db.transact((tx) => writer.update(tx, rival.id, () => ({ email: "Other@example.org", verified: true }))),
      ).rejects.toMatchObject({ code: "user.email_taken" });
    });

    it("shows a change of standing at once to whoever forgets, and within five seconds to everybody", async () => {
      const { id } = await create();
      const elsewhere = new UserReader(db, clock);
      expect((await users.status(id))?.epoch).toBe(0);
      expect((await elsewhere.status(id))?.epoch).toBe(0);
      await db.transact((tx) => writer.setDisabled(tx, id, true));
      users.forget(id);
      expect(await users.status(id)).toEqual({
        kind: "product",
        role: "developer",
        product: "AI_ASSISTANT",
        disabled: true,
        epoch: 1,
      });
      expect((await elsewhere.status(id))?.disabled).toBe(false);
      nowMs += 5_000;
      expect((await elsewhere.status(id))?.disabled).toBe(true);
      setMs = -hourMs;
      await db.transact((tx) => writer.setDisabled(tx, id, false));
      nowMs += 5_000;
      expect((await elsewhere.status(id))?.disabled).toBe(false);
      setMs = 0;
      expect(await users.status("usr_nobody")).toBeUndefined();
    });

    it("ends every session when a user is disabled, once, and none when it is enabled", async () => {
      const { id } = await create();
      const set = (disabled: boolean) => db.transact((tx) => writer.setDisabled(tx, id, disabled));
      expect((await set(true)).epoch).toBe(1);
      expect((await set(true)).epoch).toBe(1);
      expect(await set(false)).toMatchObject({ epoch: 1, disabled: false });
      await expect(db.transact((tx) => writer.setDisabled(tx, "usr_nobody", true))).rejects.toMatchObject({
        code: "user.not_found",
      });
    });

    it("never lets two admins disable or demote each other", async () => {
      const admin = { kind: "admin", role: "admin", product: null } as const;
      const [left, right] = [await create(admin), await create(admin)];
      const results = await Promise.allSettled([
        db.transact((tx) => writer.setDisabled(tx, left.id, true)),
        db.transact((tx) => writer.update(tx, right.id, () => ({ role: "operator" }))),
      ]);
      const refused = results.filter((result) => result.status === "rejected");
      expect(refused).toHaveLength(1);
      expect(refused[0]?.reason).toMatchObject({ code: "user.last_admin" });
      const standing = (await Promise.all([users.byId(left.id), users.byId(right.id)])).filter(
        ({ role, disabled }) => role === "admin" && !disabled,
      );
      expect(standing).toHaveLength(1);
      const last = standing[0]!.id;
      for (const change of [{ kind: "auditor" }, { role: "observer" }, { product: "AI_ASSISTANT" }] as const) {
        await expect(db.transact((tx) => writer.update(tx, last, () => change))).rejects.toMatchObject({
          code: "user.last_admin",
        });
      }
      expect((await db.transact((tx) => writer.update(tx, last, () => ({ fullName: "Last" })))).fullName).toBe("Last");
    });

    it("replaces a password once of two that start from the same one", async () => {
      const { id } = await create({ mustChangePassword: true });
      const replace = (passwordHash: string) =>
        db.transact((tx) => writer.setPassword(tx, id, { passwordHash, mustChangePassword: false, expectedEpoch: 0 }));
      const results = await Promise.allSettled([replace("one"), replace("two")]);
      expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      expect(await users.byId(id)).toMatchObject({ epoch: 1, mustChangePassword: false });
    });

    it("notes a login, and replaces a hash in the same breath", async () => {
      const user = await create();
      await db.transact((tx) => writer.recordLogin(tx, user.id, { epoch: 0 }));
      expect(await users.withHash(user.username)).toMatchObject({
        user: { ...user, lastLoginAt: new Date(nowMs).toISOString() },
        passwordHash: "hash",
      });
      await db.transact((tx) => writer.recordLogin(tx, user.id, { epoch: 0, rehash: "newer" }));
      expect((await users.withHash(user.username))?.passwordHash).toBe("newer");
    });

    it("notes no login with a password that was changed while it was being checked", async () => {
      const { id, username, epoch } = await create();
      await db.transact((tx) => writer.setPassword(tx, id, { passwordHash: "own", mustChangePassword: false }));
      await expect(
        db.transact((tx) => writer.recordLogin(tx, id, { epoch, rehash: "of the old password" })),
      ).rejects.toMatchObject({ code: "auth.invalid" });
      expect(await users.withHash(username)).toMatchObject({ user: { lastLoginAt: null }, passwordHash: "own" });
    });

    it("lets one of many use a token", async () => {
      const { id } = await create();
      const tokenHash = await token(id);
      expect((await users.holderOf("reset", tokenHash))?.id).toBe(id);
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => redeem(tokenHash)));
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "auth.token_invalid" });
      }
      expect(await users.holderOf("reset", tokenHash)).toBeUndefined();
    });

    it("keeps one good token of a user and a purpose, also when several are asked for at once", async () => {
      const { id } = await create();
      const verification = await token(id, "verify");
      const hashes = await Promise.all(Array.from({ length: 5 }, () => token(id)));
      const holders = await Promise.all(hashes.map((hash) => users.holderOf("reset", hash)));
      expect(holders.filter((holder) => holder !== undefined)).toHaveLength(1);
      expect(await redeem(verification, "verify")).toBe(id);
    });

    it("refuses a token of another purpose, one that is nobody's, an unknown and an old one", async () => {
      const { id } = await create();
      const [mine, nobodys] = [await token(id), await token(undefined)];
      for (const refused of [
        () => redeem(mine, "verify"),
        () => redeem(nobodys),
        () => redeem(hashOfToken("unknown")),
      ]) {
        await expect(refused()).rejects.toMatchObject({ code: "auth.token_invalid" });
      }
      expect(await users.holderOf("reset", nobodys)).toBeUndefined();
      nowMs += hourMs;
      expect(await users.holderOf("reset", mine)).toBeUndefined();
      await expect(redeem(mine)).rejects.toMatchObject({ code: "auth.token_invalid" });
    });

    it("voids the reset tokens of a user whose password changes", async () => {
      const { id } = await create();
      const tokenHash = await token(id);
      await db.transact((tx) => writer.setPassword(tx, id, { passwordHash: "x", mustChangePassword: false }));
      await expect(redeem(tokenHash)).rejects.toMatchObject({ code: "auth.token_invalid" });
    });

    it("forgets registrations that nobody verifies within a week, and no other user", async () => {
      const [pending, used, touched, verified] = [
        await create({ verified: false }),
        await create({ verified: false }),
        await create({ verified: false }),
        await create(),
      ];
      await db.transact((tx) => writer.recordLogin(tx, used.id, used));
      nowMs += 6 * 24 * hourMs;
      await db.transact((tx) => writer.update(tx, touched.id, () => ({ role: "observer" })));
      await writer.sweep();
      expect((await users.byId(pending.id)).id).toBe(pending.id);
      nowMs += 25 * hourMs;
      await writer.sweep();
      await expect(users.byId(pending.id)).rejects.toMatchObject({ code: "user.not_found" });
      for (const { id } of [used, touched, verified]) expect((await users.byId(id)).id).toBe(id);
    });

    it("lists every user once, newest first, page by page", async () => {
      for (let i = 0; i < 5; i++) {
        nowMs += i % 2;
        await create();
      }
      const seen: UserId[] = [];
      for (;;) {
        const after = seen.at(-1);
        const page = await users.list({ limit: 3, ...(after === undefined ? {} : { after }) });
        if (page.length === 0) break;
        seen.push(...page.map(({ id }) => id));
      }
      const whole = await users.list({ limit: 1000 });
      expect(seen).toEqual(whole.map(({ id }) => id));
      expect(new Set(seen).size).toBe(seen.length);
    });
  });
}
