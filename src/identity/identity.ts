// Identity as the composition root sees it: one authenticator and what stands behind it.
import type { Database } from "../db/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { KeyAuthenticator } from "./authenticator.ts";
import type { Authenticator } from "./authenticator.ts";
import { Effects } from "./effects.ts";
import type { Keys, KeyWriter } from "./keys.ts";
import { StoredKeys } from "./keys.ts";
import { LastUses } from "./last-uses.ts";

/** The parts of this domain. Writers are for acts only. */
export interface Identity extends AsyncDisposable {
  readonly authenticator: Authenticator;
  readonly keys: Keys;
  readonly keyWriter: KeyWriter;
  readonly effects: Effects;
  /** Whether there is such a user or client, and it is in good standing. */
  ownerStands(id: string): Promise<boolean>;
}

/** What identity is opened with; the database has run `identityMigrations`. */
export interface IdentityParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether there is such a user or client, and it is in good standing. */
  readonly ownerStands: (id: string) => Promise<boolean>;
  /** Told the id of every key whose revocation has become durable. */
  readonly changed?: (id: string) => void;
}

/** Puts the domain together. */
export function openIdentity({ db, clock, log, ownerStands, changed }: IdentityParts): Identity {
  const stored: StoredKeys = new StoredKeys(db, clock, (id) => {
    authenticator.forget(id);
    changed?.(id);
  });
  const lastUses = new LastUses(stored, clock, log);
  const authenticator = new KeyAuthenticator({ db, clock, lastUses, ownerStands });
  return {
    authenticator,
    keys: stored,
    keyWriter: stored,
    effects: new Effects(db),
    ownerStands,
    [Symbol.asyncDispose]: () => lastUses[Symbol.asyncDispose](),
  };
}
