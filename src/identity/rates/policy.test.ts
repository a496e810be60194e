import { describe, expect, it } from "vitest";
import { anonymous, roles } from "../../kernel/ctx.ts";
import type { Principal } from "../../kernel/ctx.ts";
import { MemoryCounter } from "./memory-counter.ts";
import { Rates } from "./policy.ts";
import type { RateTerms } from "./policy.ts";

const terms: RateTerms = {
  roles: {
    admin: { requestsPerMinute: 100 },
    operator: { requestsPerMinute: 50 },
    developer: { requestsPerMinute: 30 },
    observer: { requestsPerMinute: 20 },
    anonymous: { requestsPerMinute: 5 },
  },
  rateLimits: {
    auth: { perAddress: 5, windowSeconds: 60 },
    token: { perAddress: 60, windowSeconds: 60 },
    register: { perAddress: 5, windowSeconds: 3600 },
    reset: { perAddress: 3, windowSeconds: 3600 },
    public: { perAddress: 60, windowSeconds: 60 },
    data: { perKey: 6, perProduct: 9, windowSeconds: 60 },
    deliberation: { perKey: 4, windowSeconds: 60 },
  },
};

const caller = (id: string, product: string | null = "AI_ASSISTANT"): Principal => ({
  id,
  kind: "product",
  product,
  role: "developer",
});

function rates(factor = 1): Rates {
  return new Rates(new MemoryCounter({ nowMs: () => Date.UTC(2026, 0, 1) }), terms, factor);
}

/** How many requests are admitted until one is refused. */
async function admitted(count: () => ReturnType<Rates["count"]>): Promise<number> {
  for (let times = 0; times < 10_000; times++) if ((await count())?.allowed === false) return times;
  return Number.POSITIVE_INFINITY;
}

describe("Rates", () => {
  it("count a request that a product's limit refuses for no caller's own", async () => {
    const counter = new MemoryCounter({ nowMs: () => Date.UTC(2026, 0, 1) });
    const data = { perKey: 6, perProduct: 4, windowSeconds: 60 };
    const counted = new Rates(counter, { ...terms, rateLimits: { ...terms.rateLimits, data } }, 1);
    for (let i = 0; i < 4; i++) await counted.count("data", caller("key_busy"), "");
    for (let i = 0; i < 9; i++) {
      const answer = await counted.count("data", caller("key_2"), "");
      expect(answer).toMatchObject({ allowed: false, policy: "data-product" });
    }
    for (const { key, limit, policy } of counted.limitsOn("data", caller("key_2"), "").slice(0, 1)) {
      expect(counter.peek(key, { ...limit, group: policy }).remaining).toBe(6);
    }
  });

  it.each(roles)("counts the control plane by the role %s", async (role) => {
    const counted = rates();
    const principal: Principal = role === "anonymous" ? anonymous : { ...caller("key_1"), role };
    expect(await admitted(() => counted.count("control", principal, "203.0.113.1"))).toBe(
      terms.roles[role].requestsPerMinute,
    );
  });

  it.each(["auth", "token", "register", "reset", "public"] as const)(
    "counts %s by address, whoever calls",
    async (rate) => {
      const counted = rates();
      const { perAddress } = terms.rateLimits[rate];
      let calls = 0;
      expect(await admitted(() => counted.count(rate, caller(`key_${calls++}`), "203.0.113.1"))).toBe(perAddress);
      expect(await counted.count(rate, anonymous, "203.0.113.1")).toMatchObject({ allowed: false, policy: rate });
      expect(await counted.count(rate, anonymous, "203.0.113.2")).toMatchObject({ allowed: true });
    },
  );

  it("never counts probes", async () => {
    expect(await rates().count("probe", anonymous, "203.0.113.1")).toBeUndefined();
  });

  it("counts an address's anonymous calls of all planes together, and no caller's calls among them", async () => {
    const counted = rates();
    for (const rate of ["control", "data", "deliberation", "data", "control"] as const) {
      expect(await counted.count(rate, anonymous, "203.0.113.1")).toMatchObject({ allowed: true, policy: "anonymous" });
    }
    expect(await counted.count("data", anonymous, "203.0.113.1")).toMatchObject({ allowed: false });
    expect(await counted.count("data", caller("key_1"), "203.0.113.1")).toMatchObject({ allowed: true });
    expect(await counted.count("control", caller("key_1"), "203.0.113.1")).toMatchObject({ allowed: true });
  });

  it("counts the data plane by key, and by product for all keys of it", async () => {
    const counted = rates();
    expect(await admitted(() => counted.count("data", caller("key_1"), ""))).toBe(6);
    expect(await counted.count("data", caller("key_1"), "")).toMatchObject({ policy: "data", limit: { limit: 6 } });
    expect(await admitted(() => counted.count("data", caller("key_2"), ""))).toBe(3);
    expect(await counted.count("data", caller("key_3"), "")).toMatchObject({ allowed: false, policy: "data-product" });
    expect(await counted.count("data", caller("key_4", "GURUKUL"), "")).toMatchObject({ allowed: true });
    expect(await admitted(() => counted.count("data", caller("key_5", null), ""))).toBe(6);
  });

  it("counts deliberations by key, apart from everything else that it calls", async () => {
    const counted = rates();
    expect(await admitted(() => counted.count("deliberation", caller("key_1"), ""))).toBe(4);
    expect(await counted.count("deliberation", caller("key_1"), "")).toMatchObject({ policy: "deliberation" });
    expect(await counted.count("control", caller("key_1"), "")).toMatchObject({ allowed: true, remaining: 29 });
    expect(await counted.count("deliberation", caller("key_2"), "")).toMatchObject({ allowed: true });
  });

  it("takes nothing of the product's limit for a key that is beyond its own", async () => {
    const counted = rates();
    for (let i = 0; i < 100; i++) await counted.count("data", caller("key_1"), "");
    expect(await admitted(() => counted.count("data", caller("key_2"), ""))).toBe(3);
  });

  it("shows the limit of which least is left", async () => {
    const counted = rates();
    expect(await counted.count("data", caller("key_1"), "")).toMatchObject({ policy: "data", remaining: 5 });
    for (let i = 0; i < 4; i++) await counted.count("data", caller("key_2"), "");
    expect(await counted.count("data", caller("key_1"), "")).toMatchObject({ policy: "data-product", remaining: 3 });
  });

  it("multiplies every limit by the factor and switches none off", async () => {
    const counted = rates(3);
    expect(await admitted(() => counted.count("auth", anonymous, "203.0.113.1"))).toBe(15);
    expect(await admitted(() => counted.count("control", caller("key_1"), ""))).toBe(90);
    const [most] = rates(1_000_000).limitsOn("public", anonymous, "203.0.113.1");
    expect(most?.limit.limit).toBe(60_000_000);
    expect(rates(Number.MAX_SAFE_INTEGER).limitsOn("auth", anonymous, "")[0]?.limit.limit).toBe(
      Math.floor(Number.MAX_SAFE_INTEGER / 60_000),
    );
  });
});
