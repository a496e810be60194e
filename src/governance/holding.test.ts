import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../constitution/index.ts";
import type { Constitution } from "../constitution/index.ts";
import { openDatabase } from "../db/index.ts";
import type { Database } from "../db/index.ts";
import { CredentialLookup } from "../identity/index.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Ctx, Principal } from "../kernel/ctx.ts";
import { newId } from "../kernel/ids.ts";
import { endOf, CredentialState } from "../kernel/credential.ts";
import type { Leaf, Ledger } from "../ledger/index.ts";
import { openGate } from "./act.ts";
import type { Gate } from "./act.ts";
import type { Act, Attempt } from "./attempt.ts";
import { everyProduct, openHalts } from "./halts.ts";
import type { Halts } from "./halts.ts";
import { governanceMigrations } from "./store/migrations.ts";
import { actOn } from "../../test/support/storage/acts.ts";

const real = loadConstitution(defaultConstitutionDir());
const create: Attempt = {
  operation: "artifact.create",
  resource: "artifact/1",
  action: "CREATE",
  target: { kind: "artifact", product: "AI_ASSISTANT", artifactType: "ConversationArtifact" },
};
const manage: Attempt = {
  operation: "key.revoke",
  resource: "key/1",
  action: "MANAGE_GOVERNANCE",
  target: { kind: "key", product: null },
};
const product: Principal = { id: "key_a", kind: "product", product: "AI_ASSISTANT", role: "developer" };
const admin: Principal = { id: "key_b", kind: "admin", product: null, role: "admin" };

let dir: string;
let database: Database;
let halts: Halts;
let leaves: Leaf[];
let gate: Gate;
/** What is in force may become another one, as after a reload. */
let constitution: Constitution & { hash: string };
let heldBack: Promise<unknown> | undefined;
let nowMs = 0;
const clock = { nowMs: () => nowMs };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "holding-"));
  database = await openDatabase({ kind: "sqlite", file: join(dir, "test.db") }, silentLog);
  await database.migrate([...governanceMigrations]);
  halts = await openHalts(database);
  leaves = [];
  heldBack = undefined;
  nowMs = Date.parse("2026-11-21T00:00:00Z");
  constitution = { ...real };
  const append: Ledger["append"] = async (added) => {
    if (added.some(({ kind, operation }) => kind === "outcome" && operation === create.operation)) await heldBack;
    leaves.push(...added);
    return leaves.length - added.length;
  };
  const credentials = new CredentialLookup(database, clock, () => undefined);
  const ledger = { append } as unknown as Ledger;
  gate = openGate({ constitution, ledger, halts, credentials, database, log: silentLog });
});
afterEach(async () => {
  await gate[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

function ctxOf(principal: Principal = product, more: Partial<Ctx> = {}): Ctx {
  const caller = new AbortController();
  return {
    principal,
    operation: "artifact.create",
    permission: principal.kind === "admin" ? "system.admin" : "task.create",
    address: "",
    requestId: newId<"request">(clock),
    signal: caller.signal,
    stop: (reason) => caller.abort(reason),
    clock,
    log: silentLog,
    ...more,
  };
}

/** Carries an act out that waits in the middle until `meanwhile` is over. */
function actAround(ctx: Ctx, meanwhile: () => unknown, attempt = create): Promise<unknown> {
  return gate.act(ctx, attempt, async ({ confirm }) => {
    await meanwhile();
    await database.transact((tx) => confirm(tx));
    return { value: 1 };
  });
}

const halt = (scope: string) => halts.set({ scope, threat: "T8_AUDIT_TAMPERING", intentIndex: 0, sinceMs: 0 });
const lastOutcome = () => leaves.findLast(({ kind }) => kind === "outcome");

describe("an act, before its effect", () => {
  it("is refused on record when another constitution has come into force", async () => {
    const act = actAround(ctxOf(), () => (constitution.hash = "sha256:another"));
    await expect(act).rejects.toMatchObject({ code: "constitution.changed", facts: { outcomeIndex: 1 } });
    expect(lastOutcome()).toMatchObject({ outcome: "refused", code: "constitution.changed" });
  });

  it.each(["AI_ASSISTANT", everyProduct])("is refused when a halt has been set meanwhile: %s", async (scope) => {
    await expect(actAround(ctxOf(), () => halt(scope))).rejects.toMatchObject({ code: "governance.halted" });
    expect(lastOutcome()).toMatchObject({ outcome: "refused", code: "governance.halted" });
  });

  it("is not refused by the halt of another product", async () => {
    await expect(actAround(ctxOf(), () => halt("GURUKUL"))).resolves.toMatchObject({ value: 1 });
  });

  it("is refused when its credential has expired meanwhile, also one of another issuer", async () => {
    const expiresMs = nowMs + 2000;
    const credentialState = new CredentialState({ kind: "external", principal: product, expiresMs }, product);
    const ctx = ctxOf(product, { credentialState });
    await expect(actAround(ctx, () => (nowMs = expiresMs - 1))).resolves.toMatchObject({ value: 1 });
    await expect(actAround(ctx, () => (nowMs = expiresMs))).rejects.toMatchObject({ code: "credential.ended" });
  });

  it("must be looked at again: one that is done without it has failed", async () => {
    const act = gate.act(ctxOf(), create, async () => ({ value: 1 }));
    await expect(act).rejects.toThrow("without having looked again");
    expect(lastOutcome()).toMatchObject({ outcome: "failed" });
  });
});

describe("an act that is begun", () => {
  it("is stopped at once by a halt, and soon by another constitution", async () => {
    const ctx = ctxOf();
    const begun = await gate.begin(ctx, create);
    await halt("AI_ASSISTANT");
    expect(endOf(ctx.signal)).toMatchObject({ code: "governance.halted" });
    expect(() => begun.hold()).toThrow(expect.objectContaining({ code: "governance.halted" }));
    await begun.fail(endOf(ctx.signal)).catch(() => {});
    await halts.clear("AI_ASSISTANT", actOn(database));

    const later = ctxOf();
    const ended = new Promise((resolve) => later.signal.addEventListener("abort", resolve));
    await gate.begin(later, create);
    constitution.hash = "sha256:another";
    await ended;
    expect(endOf(later.signal)).toMatchObject({ code: "constitution.changed" });
  });

  it("is answered soon after it was stopped, whatever it waits for, and takes no effect when it goes on", async () => {
    const ctx = ctxOf();
    const { promise, resolve } = Promise.withResolvers<void>();
    let confirmed: Promise<void> | undefined;
    const act = gate.act(ctx, create, async ({ confirm }) => {
      await promise;
      confirmed = confirm();
      await confirmed;
      return { value: 1 };
    });
    await expect.poll(() => leaves.length).toBe(1);
    await halt("AI_ASSISTANT");
    await expect(act).rejects.toMatchObject({ code: "governance.halted" });
    await halts.clear("AI_ASSISTANT", actOn(database));
    resolve();
    await promise;
    await expect(confirmed).rejects.toMatchObject({ code: "governance.halted" });
    expect(leaves.map(({ kind }) => kind)).toEqual(["intent", "outcome"]);
  });

  it("of an admin goes on under a halt, so that the halt can be cleared", async () => {
    const ctx = ctxOf(admin);
    const act = actAround(ctx, () => halt(everyProduct), manage);
    await expect(act).resolves.toMatchObject({ value: 1 });
    expect(ctx.signal.aborted).toBe(false);
  });
});

describe("an act that may end what others rest on", () => {
  const ends = (id: string, operation = manage.operation): Attempt => ({
    ...manage,
    operation,
    resource: `key/${id}`,
  });
  /** The operations whose outcomes are on record, in their order. */
  const outcomes = () => leaves.flatMap(({ kind, operation }) => (kind === "outcome" ? [operation] : []));
  /** An act that has taken effect and whose outcome is not on record before it may be. */
  const hanging = async (by: Ctx) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    heldBack = promise;
    const act = actAround(by, () => {});
    await expect.poll(() => leaves.map(({ kind }) => kind)).toEqual(["intent"]);
    return {
      async release() {
        resolve();
        await act;
      },
    };
  };

  it("waits for no act that does not rest on what it ends", async () => {
    const act = await hanging(ctxOf());
    await actAround(ctxOf(admin), () => {}, ends("key_other"));
    expect(outcomes()).toEqual([manage.operation]);
    await act.release();
  });

  it("is on record after a while when one that rests on it hangs", async () => {
    const act = await hanging(ctxOf());
    await actAround(ctxOf(admin), () => {}, ends(product.id));
    expect(outcomes()).toEqual([manage.operation]);
    await act.release();
  });

  it("is on record after one that it ends and that waits for others itself", async () => {
    const act = await hanging(ctxOf());
    const acts = [
      // It waits for the one that hangs; and the third, which ends the key of the second, waits for the second.
      actAround(ctxOf(admin), () => {}, ends(product.id, "user.disable")),
      actAround(ctxOf({ ...admin, id: "key_c" }), () => {}, ends(admin.id, "user.enable")),
    ];
    await expect.poll(() => leaves.filter(({ kind }) => kind === "intent").length).toBe(3);
    await act.release();
    await Promise.all(acts);
    expect(outcomes()).toEqual([create.operation, "user.disable", "user.enable"]);
  });

  it("is on record after every act that rests on it and took effect before it", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    heldBack = promise;
    const written = actAround(ctxOf(), () => {});
    // It has looked again, and its outcome is being written.
    await expect.poll(() => leaves.map(({ kind }) => kind)).toEqual(["intent"]);
    const revoked = actAround(ctxOf(admin), () => {}, ends(product.id));
    // Another act that came after it has come to its end.
    for (let i = 0; i < 3; i++) await actAround(ctxOf(), () => {}, { ...create, operation: "bucket.write" });
    expect(leaves.some(({ kind, operation }) => kind === "outcome" && operation === manage.operation)).toBe(false);
    resolve();
    await Promise.all([written, revoked]);
    expect(outcomes().slice(-2)).toEqual([create.operation, manage.operation]);
  });

  it("does not wait for others of its sort, which would wait for it", async () => {
    const started: Act[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const acts = Array.from({ length: 5 }, () =>
      gate.act(ctxOf(admin), manage, async (act) => {
        await act.confirm();
        started.push(act);
        if (started.length === 5) resolve();
        await promise;
        return { value: 1 };
      }),
    );
    expect(await Promise.all(acts)).toHaveLength(5);
  });
});
