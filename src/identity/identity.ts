// Identity as the composition root sees it: one authenticator and the keys behind it.
import type { Database } from "../db/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Authenticator } from "./authenticator.ts";
import { KeyAuthenticator } from "./authenticator.ts";
import type { Keys, KeyWriter } from "./keys.ts";
import { StoredKeys } from "./keys.ts";

/** The parts of this domain. `keyWriter` is for acts only. */
export interface Identity {
  readonly authenticator: Authenticator;
  readonly keys: Keys;
  readonly keyWriter: KeyWriter;
}

/** Puts the domain together over a database that has run `identityMigrations`. */
export function openIdentity(db: Database, clock: Clock): Identity {
  const authenticator = new KeyAuthenticator(db, clock);
  const stored = new StoredKeys(db, clock, (id) => authenticator.forget(id));
  return { authenticator, keys: stored, keyWriter: stored };
}
