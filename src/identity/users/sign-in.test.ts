import { createRequire } from "node:module";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sqlitePlace } from "../../../test/contract/databases.ts";
import type { DatabasePlace } from "../../../test/contract/databases.ts";
import type { Database } from "../../db/index.ts";
import { MemoryCounter } from "../rates/memory-counter.ts";
import { identityMigrations } from "../schema.ts";
import { openUserDirectory } from "./directory.ts";
import type { UserDirectory } from "./directory.ts";
import { newUserId } from "./user.ts";
import type { NewUser } from "./users.ts";

const bcrypt = createRequire(import.meta.url)("bcryptjs") as { hashSync(password: string, rounds: number): string };
const password = "seven tangled umbrellas";

let place: DatabasePlace;
let db: Database;
let directory: UserDirectory;
let nowMs = Date.UTC(2026, 0, 1);
let made = 0;
const clock = { nowMs: () => nowMs };
const open = (requireVerifiedEmail = true): UserDirectory =>
  openUserDirectory({ db, clock, counter: new MemoryCounter(clock), passwordPolicy: "nist", requireVerifiedEmail });

beforeAll(async () => {
  place = await sqlitePlace();
  db = await place.open();
  await db.migrate(identityMigrations);
});
beforeEach(async () => {
  await directory?.[Symbol.asyncDispose]();
  directory = open();
});
afterAll(async () => {
  await directory[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function user(fields: Partial<NewUser> = {}): Promise<string> {
  const username = `user-${++made}`;
  const passwordHash = await directory.hasher.hash(password);
  const draft: NewUser = {
    id: newUserId(clock),
    username,
    email: `${username}@example.org`,
    fullName: null,
    kind: "product",
    role: "developer",
    product: "AI_ASSISTANT",
    verified: true,
    mustChangePassword: false,
    passwordHash,
    ...fields,
  };
  await db.transact((tx) => directory.writer.create(tx, draft));
  return username;
}
const check = (username: string, text = password, address = "192.0.2.1") =>
  directory.signIn.check({ username, password: text, address });
const fail = async (username: string, count: number, address?: string) => {
  for (let i = 0; i < count; i++) {
    await expect(check(username, "wrong", address)).rejects.toMatchObject({ code: "auth.invalid" });
  }
};
const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => "ok",
    (error: { code: string }) => error.code,
  );

describe("signing in", () => {
  it("gives the user of a username, whatever its case, and its password", async () => {
    const username = await user();
    expect(await check(username.toUpperCase())).toMatchObject({ username, role: "developer" });
    expect(await check(username)).not.toHaveProperty("rehash");
  });

  it("gives one answer for an unknown user, a wrong password, a disabled user and text of any kind", async () => {
    const [username, disabled] = [await user(), await user()];
    const { id } = await directory.users.byUsername(disabled).then((found) => found!);
    await db.transact((tx) => directory.writer.setDisabled(tx, id, true));
    const faults: unknown[] = [];
    for (const [name, text] of [
      [username, "wrong"],
      [disabled, password],
      ["nobody", password],
      ["no\u0000body", password],
      ["", ""],
      [username, password + "x".repeat(2000)],
    ] as const) {
      faults.push(await check(name, text).catch(({ code, message, facts }) => ({ code, message, facts })));
    }
    expect(new Set(faults.map((fault) => JSON.stringify(fault))).size).toBe(1);
    expect(faults[0]).toMatchObject({ code: "auth.invalid" });
  });

  it("asks for a verified address where that is required, and says so only to who knows the password", async () => {
    const username = await user({ verified: false });
    expect(await codeOf(check(username))).toBe("auth.unverified");
    expect(await codeOf(check(username, "wrong"))).toBe("auth.invalid");
    await using lax = open(false);
    expect(await lax.signIn.check({ username, password, address: "" })).toMatchObject({ username });
  });

  it("lets a one-time password be exchanged and nothing else", async () => {
    const username = await user({ mustChangePassword: true });
    expect(await codeOf(check(username))).toBe("auth.password_change_required");
    const credentials = { username, password, address: "192.0.2.1" };
    expect(await directory.signIn.checkForChange(credentials)).toMatchObject({ username });
  });

  it("upgrades a bcrypt hash in the transaction of the login", async () => {
    const username = await user({ passwordHash: bcrypt.hashSync(password, 4) });
    const signedIn = await check(username);
    expect(signedIn.rehash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect((await directory.users.withHash(username))?.passwordHash).toMatch(/^\$2/);
    await db.transact((tx) => directory.writer.recordLogin(tx, signedIn.id, signedIn));
    expect((await directory.users.withHash(username))?.passwordHash).toBe(signedIn.rehash);
    const again = await check(username);
    expect(again).not.toHaveProperty("rehash");
    expect(again.lastLoginAt).not.toBeNull();
  });
});

describe("a lockout", () => {
  it("comes after five failures and ends after fifteen minutes", async () => {
    const username = await user();
    await fail(username, 5);
    const locked = await check(username).catch((error: unknown) => error);
    expect(locked).toMatchObject({ code: "auth.locked" });
    const { retryAfterSeconds } = (locked as { facts: { retryAfterSeconds: number } }).facts;
    expect(retryAfterSeconds).toSatisfy((seconds: number) => seconds > 0 && seconds <= 900);
    nowMs += retryAfterSeconds * 1000;
    expect(await codeOf(check(username))).toBe("ok");
  });

  it("does not touch other addresses, other users or a whole IPv6 network but once", async () => {
    const [username, other] = [await user(), await user()];
    await fail(username, 5, "2001:db8::1");
    expect(await codeOf(check(username, password, "2001:db8::2"))).toBe("auth.locked");
    expect(await codeOf(check(username, password, "2001:db8:0:1::1"))).toBe("ok");
    expect(await codeOf(check(username, password, "192.0.2.1"))).toBe("ok");
    expect(await codeOf(check(other, password, "2001:db8::1"))).toBe("ok");
  });

  it("is the same for users that do not exist", async () => {
    await fail("nobody-at-all", 5);
    expect(await codeOf(check("nobody-at-all"))).toBe("auth.locked");
    expect(await codeOf(check("NOBODY-at-all"))).toBe("auth.locked");
  });

  it("is forgotten by a success, and by a reset", async () => {
    const username = await user();
    await fail(username, 4);
    await check(username);
    await fail(username, 4);
    expect(await codeOf(check(username))).toBe("ok");
    await fail(username, 5);
    await directory.signIn.forgive(username.toUpperCase(), "::ffff:192.0.2.1");
    expect(await codeOf(check(username))).toBe("ok");
  });

  it("allows a burst no more guesses than a trickle", async () => {
    const username = await user();
    const burst = await Promise.all(Array.from({ length: 12 }, () => codeOf(check(username, "wrong"))));
    expect(burst.filter((code) => code === "auth.invalid")).toHaveLength(5);
    expect(burst.filter((code) => code === "auth.locked")).toHaveLength(7);
  });

  it("does not come from many right passwords at once", async () => {
    const username = await user();
    const codes = await Promise.all(Array.from({ length: 12 }, () => codeOf(check(username))));
    expect(new Set(codes)).toEqual(new Set(["ok"]));
  });
});
