// Who calls: the principal behind a credential.
//
// 1. A credential that is malformed, unknown, wrong, revoked, expired, or used from a network that it is not good for gives
//    undefined, and nothing tells the caller which.
// 2. A known and an unknown key do the same work: one look-up and one comparison whose time depends on the length only.
// 3. A key revoked by this process is refused from the next call on; one revoked by another process after `ttlMs`.
import { randomBytes } from "node:crypto";
import type { Database } from "../db/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Principal, PrincipalKind, Role } from "../kernel/ctx.ts";
import { equalSecrets } from "../kernel/hash.ts";
import { silentMeter } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Presented } from "../kernel/presented.ts";
import type { Authenticated } from "../kernel/credential.ts";
import { TtlCache } from "./ttl-cache.ts";
import type { LesserRole } from "../kernel/roles.ts";
import { claimedId, hashOfKey } from "./key.ts";
import { callsOf, listOf } from "./keys.ts";
import type { IdentityTables, KeyRow } from "./migrations.ts";
import { defaultRoles, isWithin } from "./scope.ts";
import type { LastUses } from "./last-uses.ts";
import { keyCacheMetrics } from "./metrics.ts";
import { boundByOwner } from "./owner.ts";
import type { Owner } from "./owner.ts";

/** The port: turns what a caller presents into who it is. */
export interface Authenticator {
  /**
   * Who presents this, and what it was recognised by, for asking again later; undefined for one that is unknown here.
   * Rejects with `db.unavailable` only.
   */
  identify(presented: Presented): Promise<Authenticated | undefined>;
}

interface CachedKey extends Authenticated {
  readonly textHash: Buffer;
  readonly revoked: boolean;
  readonly networks: readonly string[] | null;
  readonly expiresMs: number;
  readonly owner: string | null;
}

/** What the authenticator works with. */
export interface KeyAuthenticatorParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly lastUses: LastUses;
  /** The user or client that a key belongs to; undefined when it is not in good standing. */
  readonly ownerOf: (id: string) => Promise<Owner | undefined>;
  readonly lesserRole: LesserRole;
  /** Nothing is measured when it is absent. */
  readonly meter?: Meter | undefined;
}

/** Authenticates API keys against the database. */
export class KeyAuthenticator implements Authenticator {
  readonly #parts: KeyAuthenticatorParts;
  readonly #keys: TtlCache<CachedKey>;
  /** What an unknown key is compared with; no one knows its pre-image. */
  readonly #unknownHash = randomBytes(32);

  constructor(parts: KeyAuthenticatorParts) {
    this.#parts = parts;
    const { read } = parts.db.tables<IdentityTables>();
    const readKey = async (id: string): Promise<CachedKey | undefined> => {
      const row = await read.selectFrom("identity_keys").selectAll().where("id", "=", id).executeTakeFirst();
      return row && cachedKeyOf(row);
    };
    this.#keys = new TtlCache(parts.clock, readKey, keyCacheMetrics(parts.meter ?? silentMeter).lookedUp);
  }

  async identify(presented: Presented): Promise<Authenticated | undefined> {
    if (presented.scheme !== "bearer") return undefined;
    const { text: credentialText, address } = presented;
    const id = claimedId(credentialText);
    if (id === undefined) return undefined;
    const cached = await this.#keys.about(id);
    const matches = equalSecrets(hashOfKey(credentialText), cached?.textHash ?? this.#unknownHash);
    if (!matches || cached === undefined || !this.#isGood(cached, address)) return undefined;
    const principal = await this.#bounded(cached);
    if (principal === undefined) return undefined;
    this.#parts.lastUses.saw(id);
    return { principal, credential: cached.credential };
  }

  /** Asks the database again for this key; called when it has been revoked here. */
  forget(id: string): void {
    this.#keys.forget(id);
  }

  #isGood({ revoked, expiresMs, networks }: CachedKey, address: string): boolean {
    if (revoked || this.#parts.clock.nowMs() >= expiresMs) return false;
    return networks === null || isWithin(address, networks);
  }

  /** Who shows a key, with no more than its owner has now. */
  async #bounded({ principal, owner }: CachedKey): Promise<Principal | undefined> {
    if (owner === null) return principal;
    const { ownerOf, lesserRole } = this.#parts;
    const present = await ownerOf(owner);
    return present && boundByOwner(principal, present, lesserRole);
  }
}

function cachedKeyOf(row: KeyRow): CachedKey {
  const expiresMs = row.expires_ms ?? Number.POSITIVE_INFINITY;
  return {
    principal: principalOfKey(row),
    credential: { kind: "key", id: row.id, owner: row.owner, expiresMs },
    textHash: Buffer.from(row.text_hash, "hex"),
    revoked: row.revoked_ms !== null,
    networks: listOf(row.networks),
    expiresMs,
    owner: row.owner,
  };
}

/** Who shows this key. */
export function principalOfKey(row: KeyRow): Principal {
  const kind = row.kind as PrincipalKind;
  const [operations, networks, calls] = [listOf(row.operations), listOf(row.networks), callsOf(row.calls)];
  return {
    id: row.id,
    kind,
    product: row.product,
    role: (row.role as Role | null) ?? defaultRoles[kind],
    ...(operations === null ? {} : { operations }),
    ...(networks === null ? {} : { networks }),
    ...(row.expires_ms === null ? {} : { expiresMs: row.expires_ms }),
    ...(row.owner === null ? {} : { owner: row.owner }),
    ...(calls === null ? {} : { calls }),
  };
}
