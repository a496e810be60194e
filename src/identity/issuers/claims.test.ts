import { describe, expect, it } from "vitest";
import { externalId, principalOf } from "./claims.ts";
import type { Issuer } from "./issuer.ts";

const products = ["AI_ASSISTANT", "GURUKUL"];
const issuer: Issuer = {
  issuer: "https://login.example.com",
  audience: "charter",
  algorithms: ["RS256"],
  claims: { role: "realm.roles", kind: "kind", product: "tenant" },
  defaults: { kind: "executor" },
};
const mapped: Issuer = {
  ...issuer,
  claims: {
    ...issuer.claims,
    map: {
      role: { boss: "admin", ops: "operator", dev: "developer" },
      kind: { root: "admin" },
      product: { a: "AI_ASSISTANT" },
    },
  },
};
const who = { iss: "https://login.example.com", sub: "somebody" };

describe("principalOf", () => {
  it("takes Charter's own words as they are", () => {
    const claims = { ...who, realm: { roles: ["operator"] }, kind: "product", tenant: "GURUKUL" };
    expect(principalOf(issuer, claims, products)).toEqual({
      id: externalId(who.iss, who.sub),
      role: "operator",
      kind: "product",
      product: "GURUKUL",
    });
  });

  it("takes the strongest of several roles, by the map", () => {
    const claims = { ...who, realm: { roles: ["dev", "offline_access", "ops", "admin", "observer"] }, tenant: "a" };
    expect(principalOf(mapped, claims, products)).toMatchObject({
      role: "operator",
      kind: "executor",
      product: "AI_ASSISTANT",
    });
  });

  it("makes an admin only of whom the map calls one", () => {
    const claims = { ...who, realm: { roles: ["admin"] }, kind: "admin" };
    expect(principalOf(issuer, claims, products)).toBeUndefined();
    expect(
      principalOf({ ...issuer, defaults: { kind: "executor", role: "observer" } }, claims, products),
    ).toMatchObject({
      role: "observer",
      kind: "executor",
    });
    expect(principalOf(mapped, { ...who, realm: { roles: "boss" }, kind: "root" }, products)).toMatchObject({
      role: "admin",
      kind: "admin",
      product: null,
    });
  });

  it("refuses unknown words, or gives the default", () => {
    const claims = { ...who, realm: { roles: ["superuser", "anonymous", "toString", "__proto__", 7, null] } };
    expect(principalOf(issuer, claims, products)).toBeUndefined();
    expect(principalOf(mapped, claims, products)).toBeUndefined();
    const lenient: Issuer = { ...mapped, defaults: { role: "observer", kind: "executor" } };
    expect(principalOf(lenient, claims, products)).toMatchObject({ role: "observer" });
    expect(principalOf(lenient, who, products)).toMatchObject({ role: "observer" });
  });

  it("refuses contradicting products and kinds, and a kind that needs a product without one", () => {
    const operator = { ...who, realm: { roles: "operator" } };
    expect(principalOf(issuer, { ...operator, tenant: products }, products)).toBeUndefined();
    expect(principalOf(issuer, { ...operator, kind: ["auditor", "executor"] }, products)).toBeUndefined();
    expect(principalOf(issuer, { ...operator, kind: "ai_agent" }, products)).toBeUndefined();
    expect(principalOf(issuer, { ...operator, kind: "ai_agent", tenant: "NO_SUCH" }, products)).toBeUndefined();
    expect(principalOf(issuer, { ...operator, tenant: "NO_SUCH" }, products)).toMatchObject({ product: null });
  });

  it("prefers a claim of the whole name to what lies deeper", () => {
    const claims = { ...who, "realm.roles": "observer", realm: { roles: "operator" } };
    expect(principalOf(issuer, claims, products)).toMatchObject({ role: "observer" });
  });

  it("refuses a token without a subject", () => {
    expect(principalOf(issuer, { iss: who.iss, realm: { roles: "operator" } }, products)).toBeUndefined();
    expect(principalOf(issuer, { iss: who.iss, sub: "", realm: { roles: "operator" } }, products)).toBeUndefined();
  });
});

describe("externalId", () => {
  it("is stable, hides who it is, and keeps issuers apart", () => {
    expect(externalId("https://a", "b")).toMatch(/^ext_[0-9a-f]{16}$/);
    expect(externalId("https://a", "b")).toBe(externalId("https://a", "b"));
    expect(externalId("https://a", "b")).not.toBe(externalId("https://ab", ""));
    expect(externalId("https://a", "b")).not.toBe(externalId("https://a", "c"));
  });
});
