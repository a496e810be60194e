import { describe, expect, it } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../constitution/index.ts";
import type { Principal } from "../kernel/ctx.ts";
import { authorityOfAccount, authorityOfClient, authorityOfKey, fieldsBeyond, heldBy } from "./attenuation.ts";
import type { AuthorityField } from "./attenuation.ts";

const { roles } = loadConstitution(defaultConstitutionDir()).data;
const admin: Principal = { id: "usr_1", kind: "admin", product: null, role: "admin" };
const budget = { unit: "tokens", window: "month", limit: 10 } as const;
const beyond = (given: Parameters<typeof authorityOfKey>[0], held: Partial<Principal> = {}) =>
  fieldsBeyond(authorityOfKey(given), heldBy({ ...admin, ...held }), roles);

describe("an authority that is given", () => {
  it.each<[string, Parameters<typeof authorityOfKey>[0], Partial<Principal>, readonly AuthorityField[]]>([
    ["anything, by an admin that nothing binds", { kind: "executor", role: "admin" }, {}, []],
    ["another kind, by one that is no admin", { kind: "auditor", role: "observer" }, { kind: "executor" }, ["kind"]],
    ["a role with more permissions", { kind: "admin" }, { role: "operator" }, ["role"]],
    ["a role with fewer", { kind: "admin", role: "observer" }, { role: "operator" }, []],
    ["another product", { kind: "admin", product: "GURUKUL" }, { product: "AI_ASSISTANT" }, ["product"]],
    ["every product", { kind: "admin" }, { product: "AI_ASSISTANT" }, ["product"]],
    ["all operations", { kind: "admin" }, { operations: ["auth.me"] }, ["operations"]],
    ["fewer operations", { kind: "admin", operations: [] }, { operations: ["auth.me"] }, []],
    ["an expiry that cannot be read", { kind: "admin", expiresAt: "soon" }, { expiresMs: 1000 }, ["expiresMs"]],
    ["a network that is none", { kind: "admin", networks: ["all"] }, { networks: ["10.0.0.0/8"] }, ["networks"]],
    ["every model", { kind: "admin" }, { calls: { models: ["gpt-5*"] } }, ["models"]],
    ["another model", { kind: "admin", calls: { models: ["gpt-*"] } }, { calls: { models: ["gpt-5*"] } }, ["models"]],
    ["fewer models", { kind: "admin", calls: { models: ["gpt-5-*"] } }, { calls: { models: ["gpt-5*"] } }, []],
    ["no budget, no rates", { kind: "admin" }, { calls: { budget, rpm: 5, tpm: 9 } }, ["budget", "rpm", "tpm"]],
    [
      "as much again",
      { kind: "admin", calls: { budget, rpm: 5, tpm: 9 } },
      { calls: { budget, rpm: 5, tpm: 9 } },
      ["budget", "rpm", "tpm"],
    ],
    ["a budget and rates", { kind: "admin", calls: { budget, rpm: 5, tpm: 9 } }, {}, []],
    ["all networks of one family", { kind: "admin", networks: ["::/0"] }, { networks: ["0.0.0.0/0"] }, ["networks"]],
    [
      "everything at once",
      { kind: "auditor" },
      {
        kind: "executor",
        role: "anonymous",
        product: "GURUKUL",
        operations: ["auth.me"],
        networks: ["10.0.0.0/8"],
        expiresMs: 1,
        owner: "usr_2",
        calls: { models: ["gpt-5"], budget, rpm: 1, tpm: 1 },
      },
      ["kind", "role", "product", "operations", "networks", "expiresMs", "owner", "models", "budget", "rpm", "tpm"],
    ],
  ])("%s: the fields that exceed are named", (_name, given, held, fields) => {
    expect(beyond(given, held)).toEqual(fields);
  });

  it("is an account's own, which nothing binds but kind, role and product", () => {
    const held = heldBy({ ...admin, operations: ["user.create"], expiresMs: 1 });
    expect(fieldsBeyond(authorityOfAccount({ kind: "auditor" }), held, roles)).toEqual(["operations", "expiresMs"]);
  });

  it("is every kind for a client that people let act in their name", () => {
    const draft = { name: "x", kind: "product", role: "observer", product: "GURUKUL" } as const;
    const kinds = (grantTypes: readonly ("authorization_code" | "client_credentials")[]) =>
      authorityOfClient({ ...draft, grantTypes }).map(({ kind }) => kind);
    expect(kinds(["client_credentials"])).toEqual(["product"]);
    expect(kinds(["authorization_code"])).toEqual(["product", "admin"]);
  });
});
