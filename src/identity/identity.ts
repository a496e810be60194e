// Identity as the composition root sees it: one authenticator and what stands behind it.
import type { Database } from "../db/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Meter } from "../kernel/meter.ts";
import type { LesserRole } from "../kernel/roles.ts";
import { KeyAuthenticator } from "./authenticator.ts";
import type { Authenticator } from "./authenticator.ts";
import type { Keys, KeyWriter } from "./keys.ts";
import { StoredKeys } from "./keys.ts";
import { LastUses } from "./last-uses.ts";
import type { Owner } from "./owner.ts";

/** The parts of this domain. Writers are for acts only. */
export interface Identity extends AsyncDisposable {
  readonly authenticator: Authenticator;
  readonly keys: Keys;
  readonly keyWriter: KeyWriter;
  /** The user or client of an id that is in good standing. */
  ownerOf(id: string): Promise<Owner | undefined>;
}

/** What identity is opened with; the database has run `identityMigrations`. */
export interface IdentityParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** The user or client of an id that is in good standing. */
  readonly ownerOf: (id: string) => Promise<Owner | undefined>;
  /** By the constitution that is in force. */
  readonly lesserRole: LesserRole;
  /** Told the id of every key whose revocation has become durable. */
  readonly changed?: (id: string) => void;
  /** Nothing is measured when it is absent. */
  readonly meter?: Meter;
}

/** Puts the domain together. */
export function openIdentity({ db, clock, log, ownerOf, lesserRole, changed, meter }: IdentityParts): Identity {
  const stored: StoredKeys = new StoredKeys(db, clock, (id) => {
    authenticator.forget(id);
    changed?.(id);
  });
  const lastUses = new LastUses(stored, clock, log);
  const authenticator = new KeyAuthenticator({ db, clock, lastUses, ownerOf, lesserRole, meter });
  return {
    authenticator,
    keys: stored,
    keyWriter: stored,
    ownerOf,
    [Symbol.asyncDispose]: () => lastUses[Symbol.asyncDispose](),
  };
}
