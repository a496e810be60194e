import { assert, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { principalKinds } from "../kernel/ctx.ts";
import { claimedId, hashOfKey, mintKey } from "./key.ts";

describe("the text of a key", () => {
  it.each(principalKinds)("of kind %s claims the id it was minted with", (kind) => {
    const minted = mintKey(kind);
    expect(minted.text).toMatch(/^charter_[a-z]{2}_[0-9a-z]{8}_[A-Za-z0-9_-]{43}$/);
    expect(claimedId(minted.text)).toBe(minted.id);
    expect(hashOfKey(minted.text)).toEqual(minted.textHash);
  });

  it("holds 32 bytes of the randomness it was given", () => {
    const { text, id } = mintKey("admin", (count) => Buffer.alloc(count, 0xff));
    expect(id).toBe("key_zzzzzzzz");
    expect(Buffer.from(text.slice(-43), "base64url")).toEqual(Buffer.alloc(32, 0xff));
  });

  it("is different every time", () => {
    expect(new Set(Array.from({ length: 100 }, () => mintKey("product").text)).size).toBe(100);
  });

  it("is told apart from any other text", () => {
    const { text } = mintKey("auditor");
    for (const other of [
      "",
      "charter_",
      ` ${text}`,
      `${text}\n`,
      `${text}A`,
      text.slice(1),
      text.replace("_au_", "_xx_"),
    ]) {
      expect(claimedId(other)).toBeUndefined();
    }
    assert(property(string(), (other) => claimedId(other) === undefined));
  });
});
