// Accounts, keys and clients behind the real gate and over a real database, without the rest of the house, for tests that make
// hundreds of thousands of acts: the ledger is kept in memory, nothing is counted, and passwords are hashed cheaply.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { budgetMigrations, openBudgets } from "../../../src/budgets/index.ts";
import { loadConstitution, defaultConstitutionDir } from "../../../src/constitution/index.ts";
import { openDatabase } from "../../../src/db/index.ts";
import { openGate, openHalts } from "../../../src/governance/index.ts";
import { openAccounts, openClientRegistry, openKeyAdministration } from "../../../src/accounts/index.ts";
import type { Accounts, ClientRegistry, KeyAdministration } from "../../../src/accounts/index.ts";
import { governanceMigrations } from "../../../src/governance/index.ts";
import { identityMigrations, openIdentity, CredentialLookup } from "../../../src/identity/index.ts";
import type { Authenticator, Counter, Mail, UserRecord } from "../../../src/identity/index.ts";
import { StoredClients } from "../../../src/identity/oauth/clients.ts";
import { UserReader } from "../../../src/identity/users/user-reader.ts";
import { StoredUserWriter } from "../../../src/identity/users/user-writer.ts";
import { operations } from "../../../src/http/index.ts";
import type { OperationName } from "../../../src/http/index.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import type { Ctx, Principal } from "../../../src/kernel/ctx.ts";
import { sha256Hex } from "../../../src/kernel/hash.ts";
import { newId } from "../../../src/kernel/ids.ts";
import { lesserRole } from "../../../src/kernel/roles.ts";
import type { LesserRole } from "../../../src/kernel/roles.ts";
import type { Ledger } from "../../../src/ledger/index.ts";

/** The rig. */
export interface AuthorityRig extends AsyncDisposable {
  readonly nowMs: number;
  readonly products: readonly string[];
  readonly accounts: Accounts;
  readonly keyring: KeyAdministration;
  readonly clients: ClientRegistry;
  readonly authenticator: Authenticator;
  /** Mails that were posted and not taken yet. */
  readonly mails: Mail[];
  user(id: string): Promise<UserRecord>;
  /** The circumstances of a call. */
  ctx(principal: Principal, operation: OperationName): Ctx;
}

/** Where files are memory, so that no commit waits for a disk. */
const memoryDir = "/dev/shm";

const counter: Counter = {
  take: () => ({ allowed: true, remaining: 1, resetMs: 0, freshMs: 0 }),
  peek: () => ({ allowed: true, remaining: 1, resetMs: 0, freshMs: 0 }),
  clear: () => {},
  give: () => {},
  [Symbol.asyncDispose]: async () => {},
};

/** Opens the rig on a database of its own. */
export async function openAuthorityRig(): Promise<AuthorityRig> {
  const nowMs = Date.UTC(2026, 10, 1);
  const clock = { nowMs: () => nowMs };
  const constitution = loadConstitution(defaultConstitutionDir());
  const dir = await mkdtemp(join(existsSync(memoryDir) ? memoryDir : tmpdir(), "charter-authority-"));
  const database = await openDatabase({ kind: "sqlite", file: join(dir, "charter.db") }, silentLog);
  await database.migrate([...identityMigrations, ...governanceMigrations, ...budgetMigrations]);
  const room = openBudgets({ db: database, clock, log: silentLog, defaultTokens: 0 });
  const lesser: LesserRole = (one, other) => lesserRole(one, other, constitution.data.roles);
  const users = new UserReader(database, clock);
  const stored = new StoredClients(database, clock, true);
  const identity = openIdentity({
    db: database,
    clock,
    log: silentLog,
    lesserRole: lesser,
    ownerOf: async (id) => {
      if (!id.startsWith("usr_")) return stored.active(id);
      const user = await users.status(id);
      return user?.disabled === false ? user : undefined;
    },
  });
  let leaves = 0;
  const ledger = {
    append: async (added: readonly unknown[]) => (leaves += added.length) - added.length,
  } as unknown as Ledger;
  // Refusals are what these chains are made of; being suspended for them is another test's matter.
  const patient = { ...constitution.data, limits: { ...constitution.data.limits, refusalsMax: 1e9 } };
  const gate = openGate({
    constitution: { ...constitution, data: patient },
    ledger,
    halts: await openHalts(database),
    credentials: new CredentialLookup(database, clock, lesser),
    database,
    log: silentLog,
  });
  const mails: Mail[] = [];
  const accounts = openAccounts({
    gate,
    constitution,
    database,
    clock,
    directory: {
      users,
      writer: new StoredUserWriter(database, clock),
      signIn: { forgive: async () => {} } as never,
      hasher: { hash: async (password: string) => sha256Hex(password) } as never,
      policy: { check: async () => {} } as never,
      [Symbol.asyncDispose]: async () => {},
    },
    outbox: { post: (mail: Mail) => void mails.push(mail) } as never,
    counter,
    salt: Buffer.alloc(32),
    serverUrl: () => "http://charter.test",
    registrationOpen: true,
  });
  return {
    nowMs,
    products: Object.keys(constitution.data.products),
    accounts,
    keyring: openKeyAdministration({ gate, identity, constitution, room }),
    clients: openClientRegistry({ gate, constitution, clients: stored, signingKeys: {} as never }),
    authenticator: identity.authenticator,
    mails,
    user: (id) => users.byId(id),
    ctx: (principal, operation) => ({
      principal,
      operation,
      permission: operations[operation].permission ?? undefined,
      address: "",
      requestId: newId<"request">(clock),
      signal: new AbortController().signal,
      clock,
      log: silentLog,
    }),
    async [Symbol.asyncDispose]() {
      await identity[Symbol.asyncDispose]();
      await room[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
