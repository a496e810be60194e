// Who calls: the principal behind a credential.
//
// 1. A credential that is malformed, unknown, wrong, revoked, expired, or used from a network that it is not good for gives
//    undefined, and nothing tells the caller which.
// 2. A known and an unknown key do the same work: one look-up and one comparison whose time depends on the length only.
// 3. A key revoked by this process is refused from the next call on; one revoked by another process after `cacheTtlMs`.
import { randomBytes } from "node:crypto";
import type { Database } from "../db/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Principal, PrincipalKind, Role } from "../kernel/ctx.ts";
import { equalSecrets } from "../kernel/hash.ts";
import { claimedId, hashOfKey } from "./key.ts";
import { listOf } from "./keys.ts";
import type { IdentityTables, KeyRow } from "./migrations.ts";
import { defaultRoles, isWithin } from "./scope.ts";
import type { LastUses } from "./last-uses.ts";

/** The port: turns what a caller presents into who it is. */
export interface Authenticator {
  /**
   * The principal of a credential that is presented from a network address, or undefined.
   * Rejects with `db.unavailable` only.
   */
  authenticate(credentialText: string, address: string): Promise<Principal | undefined>;
}

/** How long a key's row is believed without asking the database, milliseconds. Another process may revoke it meanwhile. */
const cacheTtlMs = 5_000;

/** Most keys remembered; far more than a server has callers at a time, and a few megabytes at most. */
const maxRemembered = 10_000;

interface Known {
  readonly principal: Principal;
  readonly textHash: Buffer;
  readonly revoked: boolean;
  readonly networks: readonly string[] | null;
  readonly expiresMs: number;
  readonly owner: string | null;
  readonly readMs: number;
}

/** What the authenticator works with. */
export interface KeyAuthenticatorParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly lastUses: LastUses;
  /** Whether the user or client that a key belongs to is in good standing. */
  readonly ownerStands: (id: string) => Promise<boolean>;
}

/** Authenticates API keys against the database. */
export class KeyAuthenticator implements Authenticator {
  readonly #db: Database<IdentityTables>;
  readonly #parts: KeyAuthenticatorParts;
  readonly #known = new Map<string, Known>();
  /** What an unknown key is compared with; nobody knows its pre-image. */
  readonly #nobody = randomBytes(32);
  #forgotten = 0;

  constructor(parts: KeyAuthenticatorParts) {
    this.#db = parts.db.tables<IdentityTables>();
    this.#parts = parts;
  }

  async authenticate(credentialText: string, address: string): Promise<Principal | undefined> {
    const id = claimedId(credentialText);
    if (id === undefined) return undefined;
    const known = this.#remembered(id) ?? (await this.#lookUp(id));
    const matches = equalSecrets(hashOfKey(credentialText), known?.textHash ?? this.#nobody);
    if (!matches || known === undefined || !(await this.#isGood(known, address))) return undefined;
    this.#parts.lastUses.saw(id);
    return known.principal;
  }

  /** Asks the database again for this key; called when it has been revoked here. */
  forget(id: string): void {
    this.#forgotten++;
    this.#known.delete(id);
  }

  async #isGood({ revoked, expiresMs, networks, owner }: Known, address: string): Promise<boolean> {
    if (revoked || this.#parts.clock.nowMs() >= expiresMs) return false;
    if (networks !== null && !isWithin(address, networks)) return false;
    return owner === null || this.#parts.ownerStands(owner);
  }

  #remembered(id: string): Known | undefined {
    const known = this.#known.get(id);
    if (known === undefined) return undefined;
    const ageMs = this.#parts.clock.nowMs() - known.readMs;
    // A clock that was set back must not prolong the belief, hence the lower bound.
    return ageMs >= 0 && ageMs < cacheTtlMs ? known : undefined;
  }

  async #lookUp(id: string): Promise<Known | undefined> {
    const readMs = this.#parts.clock.nowMs();
    const forgotten = this.#forgotten;
    const row = await this.#db.read.selectFrom("identity_keys").selectAll().where("id", "=", id).executeTakeFirst();
    // Unknown keys are not remembered: a flood of invented ones would push out the real ones.
    if (row === undefined) return undefined;
    const known = knownOf(row, readMs);
    // What was read before a revocation must not be remembered after it.
    if (forgotten === this.#forgotten) this.#remember(id, known);
    return known;
  }

  #remember(id: string, known: Known): void {
    this.#known.delete(id);
    if (this.#known.size >= maxRemembered) {
      const oldest = this.#known.keys().next();
      if (!oldest.done) this.#known.delete(oldest.value);
    }
    this.#known.set(id, known);
  }
}

function knownOf(row: KeyRow, readMs: number): Known {
  const kind = row.kind as PrincipalKind;
  const operations = listOf(row.operations);
  return {
    principal: {
      id: row.id,
      kind,
      product: row.product,
      role: (row.role as Role | null) ?? defaultRoles[kind],
      ...(operations === null ? {} : { operations }),
    },
    textHash: Buffer.from(row.text_hash, "hex"),
    revoked: row.revoked_ms !== null,
    networks: listOf(row.networks),
    expiresMs: row.expires_ms ?? Number.POSITIVE_INFINITY,
    owner: row.owner,
    readMs,
  };
}
