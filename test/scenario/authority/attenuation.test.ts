// Whoever starts with a credential that an admin gave, and makes keys, accounts and clients, moves addresses, resets
// passwords and acts as everything that it made: what it can reach never grows. Two thousand random chains;
// CHARTER_AUTHORITY_CHAINS asks for more.
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperationName } from "../../../src/http/index.ts";
import { operations } from "../../../src/http/index.ts";
import type { KeyDraft } from "../../../src/accounts/index.ts";
import type { ClientDraft, UserChange } from "../../../src/identity/index.ts";
import { principalKinds } from "../../../src/kernel/ctx.ts";
import type { Principal, Role } from "../../../src/kernel/ctx.ts";
import { Fault } from "../../../src/kernel/fault.ts";
import { openAuthorityRig } from "../../support/identity/authority-rig.ts";
import type { AuthorityRig } from "../../support/identity/authority-rig.ts";
import { beyond, reachOf } from "./reach.ts";
import type { Acting } from "./reach.ts";

const chains = Number(process.env["CHARTER_AUTHORITY_CHAINS"] ?? 2_000);
const system: Principal = { id: "system", kind: "admin", product: null, role: "admin" };
const assignable: readonly Role[] = ["admin", "operator", "developer", "observer"];
const managing: readonly OperationName[] = [
  "key.create",
  "user.create",
  "user.import",
  "user.update",
  "user.enable",
  "user.reset_password",
  "client.create",
];

let rig: AuthorityRig;
let victim: string;
let dormant: string;
let made = 0;
beforeAll(async () => {
  rig = await openAuthorityRig();
  const admin = async (username: string) => {
    const draft = { username, email: `${username}@example.org`, kind: "admin" } as const;
    return (await rig.accounts.create(rig.ctx(system, "user.create"), draft)).value.user.id;
  };
  victim = await admin("victim");
  dormant = await admin("dormant");
  await admin("another");
});
afterAll(() => rig[Symbol.asyncDispose]());

const kind = fc.constantFrom(...principalKinds);
const role = fc.constantFrom(...assignable);
const product = fc.constantFrom("AI_ASSISTANT", "GURUKUL");
const networks = fc.subarray(["10.0.0.0/8", "10.1.0.0/16", "192.168.7.7", "2001:db8::/32"], { minLength: 1 });
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 });
const keyDraft = fc.record({
  kind: fc.oneof({ weight: 2, arbitrary: fc.constant("admin" as const) }, kind),
  product: fc.option(product, { nil: undefined, freq: 1 }),
  role: fc.option(role, { nil: undefined }),
  operations: some(
    fc.oneof(
      fc.subarray([...managing], { minLength: 1 }),
      fc.subarray(Object.keys(operations) as OperationName[], { minLength: 1, maxLength: 50 }),
    ),
  ),
  networks: some(networks),
  expiresInMs: some(fc.constantFrom(30_000, 90_000)),
  owner: some(fc.constantFrom("victim", "own")),
  models: some(fc.subarray(["*", "gpt-*", "gpt-5*", "gpt-5-mini", "own/gpt-5"], { minLength: 1 })),
  budget: some(
    fc.record({
      unit: fc.constantFrom("tokens" as const, "microdollars" as const),
      window: fc.constantFrom("day" as const, "month" as const),
      limit: fc.constantFrom(10, 1000),
    }),
  ),
  rpm: some(fc.constantFrom(1, 10)),
  tpm: some(fc.constantFrom(100, 1000)),
});
const clientDraft = fc.record({
  kind,
  role,
  product: fc.option(product, { nil: undefined }),
  codes: fc.boolean(),
});
const change = fc.record(
  {
    email: fc.constant("mine"),
    verified: fc.constant(true as const),
    kind,
    role,
    product: fc.option(product, { nil: null }),
  },
  { requiredKeys: [] },
);
const act = fc.oneof(
  fc.record({ verb: fc.constant("key" as const), draft: keyDraft }),
  fc.record({ verb: fc.constant("client" as const), draft: clientDraft }),
  fc.record({ verb: fc.constantFrom("user" as const, "import" as const), draft: clientDraft }),
  fc.record({
    verb: fc.constant("update" as const),
    draft: change,
    on: fc.constantFrom("victim", "dormant", "own"),
  }),
  fc.record({
    verb: fc.constantFrom("reset" as const, "enable" as const),
    on: fc.constantFrom("victim", "dormant", "own"),
  }),
);
const chain = fc.record({ given: keyDraft, acts: fc.array(fc.tuple(fc.nat(5), act), { minLength: 1, maxLength: 5 }) });
type Of<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Act = Of<typeof act>;

/** One caller, and everything that it has got hold of. */
class Caller {
  /** An account that anybody can register. */
  readonly #own: string;
  readonly #email: string;
  readonly #acting: Acting[] = [];
  /** Accounts whose password or mail is in the caller's hands. */
  readonly #accounts = new Set<string>();

  constructor(own: string, email: string) {
    this.#own = own;
    this.#email = email;
    this.#accounts.add(own);
  }

  /** Everything that it can act as now. */
  async acting(): Promise<readonly Acting[]> {
    const people: Acting[] = [];
    for (const id of this.#accounts) {
      const { kind: is, role: may, product: of, disabled } = await rig.user(id);
      if (!disabled) people.push({ principal: { id, kind: is, role: may, product: of } });
    }
    return [...this.#acting, ...people];
  }

  /** Uses a key from wherever it is good, while it is. */
  async takeKey(text: string): Promise<void> {
    for (const address of ["10.1.2.3", "192.168.7.7", "2001:db8::7"]) {
      const principal = (await rig.authenticator.identify({ scheme: "bearer", text, address }))?.principal;
      if (principal !== undefined) return void this.#acting.push({ principal });
    }
  }

  keyDraftOf({ expiresInMs, owner, ...draft }: Of<typeof keyDraft>): KeyDraft {
    return {
      ...draft,
      ...(expiresInMs === undefined ? {} : { expiresAt: new Date(rig.nowMs + expiresInMs).toISOString() }),
      ...(owner === undefined ? {} : { owner: owner === "own" ? this.#own : victim }),
    } as KeyDraft;
  }

  async try(as: Principal, tried: Act): Promise<void> {
    const named = ++made;
    switch (tried.verb) {
      case "key": {
        const { value } = await rig.keyring.create(rig.ctx(as, "key.create"), this.keyDraftOf(tried.draft));
        return this.takeKey(value.key);
      }
      case "client": {
        const { codes, ...draft } = tried.draft;
        const grants = codes
          ? { grantTypes: ["authorization_code"] as const, redirectUris: ["https://mine.example/back"] }
          : { grantTypes: ["client_credentials"] as const };
        const asked = { name: "mine", ...draft, ...grants } as unknown as ClientDraft;
        const { value } = await rig.clients.create(rig.ctx(as, "client.create"), asked);
        const { id, kind: is, role: may, product: of } = value;
        const principal: Principal = { id, kind: is, role: may, product: of };
        return void this.#acting.push(codes ? { principal, kinds: principalKinds } : { principal });
      }
      case "user": {
        const draft = { username: `made${named}`, email: `made${named}@example.org`, ...tried.draft };
        const { value } = await rig.accounts.create(rig.ctx(as, "user.create"), draft as never);
        return void this.#accounts.add(value.user.id);
      }
      case "import": {
        const names = { username: `brought${named}`, email: `brought${named}@example.org` };
        const passwordHash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        await rig.accounts.importAll(rig.ctx(as, "user.import"), [{ ...names, ...tried.draft, passwordHash } as never]);
        const page = await rig.accounts.list(rig.ctx(system, "user.list"), { limit: 1 });
        return void this.#accounts.add(page[0]!.id);
      }
      case "update": {
        const id = this.#idOf(tried.on);
        const draft = { ...tried.draft, ...(tried.draft.email && { email: this.#email }) } as UserChange;
        await rig.accounts.update(rig.ctx(as, "user.update"), id, draft);
        return this.#recover(id);
      }
      case "reset":
        await rig.accounts.resetPassword(rig.ctx(as, "user.reset_password"), this.#idOf(tried.on));
        return void this.#accounts.add(this.#idOf(tried.on));
      case "enable":
        await rig.accounts.enable(rig.ctx(as, "user.enable"), this.#idOf(tried.on));
    }
  }

  /** Asks for a new password by the mail that the caller reads, and sets it. */
  async #recover(id: string): Promise<void> {
    const anyone = { id: "anonymous", kind: "anonymous", product: null, role: "anonymous" } as const;
    rig.mails.length = 0;
    await rig.accounts.requestReset(rig.ctx(anyone, "password.reset_request"), this.#email);
    const token = rig.mails.map(({ text }) => /"token":"([\w-]{43})"/.exec(text)?.[1]).find(Boolean);
    if (token === undefined) return;
    await rig.accounts.confirmReset(rig.ctx(anyone, "password.reset_confirm"), { token, newPassword: "p" });
    this.#accounts.add(id);
  }

  #idOf(name: string): string {
    return name === "own" ? this.#own : name === "victim" ? victim : dormant;
  }
}

/** Sets the two admins back to what they were. */
async function setBack(): Promise<void> {
  const as = (operation: OperationName) => rig.ctx(system, operation);
  for (const [id, username] of [
    [victim, "victim"],
    [dormant, "dormant"],
  ] as const) {
    const { email, role: may, kind: is, product: of } = await rig.user(id);
    if (email !== `${username}@example.org` || may !== "admin" || is !== "admin" || of !== null) {
      const before = { email: `${username}@example.org`, verified: true, kind: "admin", role: "admin", product: null };
      await rig.accounts.update(as("user.update"), id, before as UserChange);
    }
  }
  if (!(await rig.user(dormant)).disabled) await rig.accounts.disable(as("user.disable"), dormant);
}

/** Runs one chain; what was reached beyond what was given, or undefined. */
async function grown({ given, acts }: Of<typeof chain>): Promise<string | undefined> {
  await setBack();
  const self = { username: `self${++made}`, email: `self${made}@example.org`, kind: "product", product: "GURUKUL" };
  const { user } = (await rig.accounts.create(rig.ctx(system, "user.create"), self as never)).value;
  await rig.accounts.update(rig.ctx(system, "user.update"), user.id, { role: "observer" });
  const caller = new Caller(user.id, `mine${made}@example.net`);
  const draft = caller.keyDraftOf(given);
  try {
    await caller.takeKey((await rig.keyring.create(rig.ctx(system, "key.create"), draft)).value.key);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
  const times = [rig.nowMs, rig.nowMs + 60_000, rig.nowMs + 120_000];
  const owners = [victim, user.id];
  const reaches = async () => (await caller.acting()).map((each) => reachOf(each, times, owners));
  const before = await reaches();
  for (const [turn, tried] of acts) {
    const acting = await caller.acting();
    const { principal } = acting[turn % acting.length]!;
    try {
      await caller.try(principal, tried);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
    for (const reach of await reaches()) {
      const excess = beyond(reach, before);
      if (excess !== undefined) return `${tried.verb} reached ${excess}`;
    }
  }
  return undefined;
}

describe("a chain of acts", () => {
  it(
    "never reaches more operations, products, kinds, networks or time than the first credential had",
    async () => {
      await fc.assert(
        fc.asyncProperty(chain, async (each) => {
          expect(await grown(each)).toBeUndefined();
        }),
        { numRuns: chains },
      );
    },
    60_000 + chains * 100,
  );
});
