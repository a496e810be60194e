import { assert, constantFrom, emailAddress, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { hashOfToken, mintToken, tokenPattern } from "./one-time-token.ts";
import { emailKeyOf, newUserId, userIdPattern, usernameOf } from "./user.ts";

describe("a username", () => {
  it.each([
    ["ada", "ada"],
    ["Ada.Lovelace_1-2", "ada.lovelace_1-2"],
    ["a".repeat(50), "a".repeat(50)],
    ["0day", "0day"],
  ])("of %j is %j", (text, username) => {
    expect(usernameOf(text)).toBe(username);
  });

  it.each(["", "ab", "a".repeat(51), ".ada", "-ada", "_ada", "a da", "ada\n", "adä", "ada@x", "a/b/c"])(
    "cannot be %j",
    (text) => {
      expect(usernameOf(text)).toBeUndefined();
    },
  );

  it("is lower case, and the same when it is read again", () => {
    const letters = constantFrom(...Array.from("abzABZ019._- @\u212a"));
    assert(
      property(string({ unit: letters, maxLength: 60 }), (text) => {
        const username = usernameOf(text);
        if (username === undefined) return;
        expect(username).toMatch(/^[a-z0-9][a-z0-9._-]{2,49}$/);
        expect(usernameOf(username)).toBe(username);
      }),
    );
  });
});

describe("an e-mail address", () => {
  it("is equal to itself in another case", () => {
    assert(
      property(emailAddress(), (email) => {
        expect(emailKeyOf(email)).toBe(email.toLowerCase());
        expect(emailKeyOf(email.toUpperCase())).toBe(emailKeyOf(email));
      }),
    );
  });

  it.each([
    "",
    "ada",
    "ada@",
    "@example.org",
    "ada@localhost",
    "ada@example.org\n",
    "ada@example.org,eve@example.org",
    "<ada@example.org>",
    '"a b"@example.org',
    "a b@example.org",
    "ada@exa mple.org",
    "ada@-example.org",
    "adä@example.org",
    `${"a".repeat(65)}@example.org`,
    `a@${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(63)}.${"e".repeat(63)}.org`,
  ])("cannot be %j", (text) => {
    expect(emailKeyOf(text)).toBeUndefined();
  });
});

describe("a one-time token", () => {
  it("holds 256 random bits and is kept as a hash", () => {
    const { text, tokenHash } = mintToken((count) => Buffer.alloc(count, 0xff));
    expect(Buffer.from(text, "base64url")).toEqual(Buffer.alloc(32, 0xff));
    expect(text).toMatch(new RegExp(tokenPattern));
    expect(tokenHash).toBe(hashOfToken(text));
    expect(tokenHash).not.toContain(text);
    expect(mintToken().text).not.toBe(mintToken().text);
  });
});

describe("a user's id", () => {
  it("is of the form that paths accept", () => {
    expect(newUserId({ nowMs: () => Date.now() })).toMatch(new RegExp(userIdPattern));
  });
});
