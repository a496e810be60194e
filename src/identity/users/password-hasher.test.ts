import { createRequire } from "node:module";
import { assert, asyncProperty, string } from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { currentParameters, isCurrent, phcString, readPasswordHash } from "./password-hash.ts";
import { PasswordHasher } from "./password-hasher.ts";
import { PasswordWorker } from "./password-worker.ts";

const bcrypt = createRequire(import.meta.url)("bcryptjs") as { hashSync(password: string, rounds: number): string };
const worker = new PasswordWorker();
const hasher = new PasswordHasher(worker);
afterAll(() => worker[Symbol.asyncDispose]());

/** Test vector of RFC 9106's reference implementation (phc-winner-argon2, test.c): password, somesalt, t=2, m=65536, p=1. */
const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

describe("a password", () => {
  it("matches its own hash and no other, and the hash holds today's parameters", async () => {
    const hash = await hasher.hash("seven tangled umbrellas");
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await hasher.hash("seven tangled umbrellas")).not.toBe(hash);
    expect(await hasher.verify("seven tangled umbrellas", hash)).toEqual({ matches: true, outdated: false });
    expect(await hasher.verify("seven tangled umbrella", hash)).toEqual({ matches: false, outdated: false });
  });

  it("is compared in Unicode's form NFKC", async () => {
    const hash = await hasher.hash("caf\u00e9 \ufb01ve");
    expect((await hasher.verify("cafe\u0301 five", hash)).matches).toBe(true);
  });

  it("matches its hash whatever it is made of", async () => {
    await assert(
      asyncProperty(string({ unit: "binary", maxLength: 40 }), async (password) => {
        expect((await hasher.verify(password, await hasher.hash(password))).matches).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it("never matches the hash of nobody", async () => {
    expect(await hasher.verify("", undefined)).toEqual({ matches: false, outdated: false });
  });

  it("is found in hashes of other programs, which are then outdated", async () => {
    expect(await hasher.verify("password", reference)).toEqual({ matches: true, outdated: true });
    expect((await hasher.verify("Password", reference)).matches).toBe(false);
    const hash = bcrypt.hashSync("seven tangled umbrellas", 4);
    for (const prefix of ["$2a$", "$2b$", "$2y$"]) {
      const text = prefix + hash.slice(4);
      expect(await hasher.verify("seven tangled umbrellas", text)).toEqual({ matches: true, outdated: true });
      expect((await hasher.verify("wrong", text)).matches).toBe(false);
    }
  });

  it("is found in a hash of another program that did not normalise it", async () => {
    const typed = "\ufb01ve caf\u00e9s";
    expect((await hasher.verify(typed, bcrypt.hashSync(typed, 4))).matches).toBe(true);
  });
});

describe("hashing", () => {
  it("refuses what finds the queue full, and takes the next when it is empty again", async () => {
    const narrow = new PasswordHasher(worker, { mostAtOnce: 1, mostWaiting: 2 });
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => narrow.hash("x")));
    expect(results.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 3 }, () => "fulfilled"),
      ...Array.from({ length: 3 }, () => "rejected"),
    ]);
    const refused = results.find((result) => result.status === "rejected");
    expect(refused?.reason).toMatchObject({ code: "auth.busy", facts: { retryAfterSeconds: 2 } });
    expect(await narrow.hash("x")).toMatch(/^\$argon2id/);
  });
});

describe("the text of a hash", () => {
  it("is read as it was written", () => {
    const [salt, tag] = [Buffer.alloc(16, 1), Buffer.alloc(32, 2)];
    const hash = readPasswordHash(phcString(currentParameters, salt, tag));
    expect(hash).toEqual({ scheme: "argon2", parameters: currentParameters, salt, tag });
    expect(hash && isCurrent(hash)).toBe(true);
  });

  it.each([
    "",
    "plain",
    "$1$abcdefgh$abcdefghijklmnopqrstuv",
    `$2b$15$${"a".repeat(53)}`,
    `$2b$03$${"a".repeat(53)}`,
    `$2x$10$${"a".repeat(53)}`,
    `$2b$10$${"a".repeat(52)}`,
    reference.replace("m=65536", "m=999999"),
    reference.replace("m=65536", "m=7"),
    reference.replace("t=2", "t=0"),
    reference.replace("t=2", "t=99"),
    reference.replace("p=1", "p=99"),
    reference.replace("v=19", "v=16"),
    reference.replace("c29tZXNhbHQ", "c29t"),
    `${reference}\n`,
  ])("is refused when it is of another form or asks too much: %j", (text) => {
    expect(readPasswordHash(text)).toBeUndefined();
  });
});
