// The parts behind the authorization server, put together over a database that has run `oauthMigrations`.
import type { Database } from "../../db/index.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/ctx.ts";
import { AccessTokenVerifier } from "../access-token.ts";
import { SigningKeys } from "../signing-keys.ts";
import type { TokenAlgorithm } from "../signing-keys.ts";
import type { Accounts } from "./accounts.ts";
import { StoredClients } from "./clients.ts";
import { refreshGraceSeconds } from "./lifetimes.ts";
import { TokenStore } from "./token-store.ts";

/** What everything here is opened with. */
export interface OAuthParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly accounts: Accounts;
  /** 32 bytes, kept apart from the database, under which private keys lie in it. */
  readonly secret: Uint8Array;
  readonly tokenAlgorithm: TokenAlgorithm;
  /** Whether a password can be given straight to the token endpoint. */
  readonly passwordGrant: boolean;
  /** Our own URL as the world sees it, an origin without a path. */
  readonly issuer: () => string;
  /** How long a used refresh token is still good, seconds. */
  readonly refreshGraceSeconds?: number | undefined;
  /** Told the id of every client, family and token whose end has become durable. */
  readonly changed?: (id: string) => void;
}

/** The parts; an authorization server's driver is made from them. */
export interface OAuth extends Pick<OAuthParts, "clock" | "accounts" | "issuer" | "passwordGrant"> {
  readonly store: TokenStore;
  readonly clients: StoredClients;
  readonly keys: SigningKeys;
  readonly verifier: AccessTokenVerifier;
}

/** Puts the parts together and sees to it that there is a key to sign with. */
export async function openOAuth(parts: OAuthParts): Promise<OAuth> {
  const { db, clock, log, accounts, secret, tokenAlgorithm, passwordGrant, issuer, changed } = parts;
  const store = new TokenStore(db, clock, 1000 * (parts.refreshGraceSeconds ?? refreshGraceSeconds), changed);
  const clients = new StoredClients(db, clock, passwordGrant, changed);
  const keys = new SigningKeys({ db, clock, log, algorithm: tokenAlgorithm, secret });
  await keys.current();
  const verifier = new AccessTokenVerifier({ clock, keys, store, clients, accounts, issuer });
  return { clock, accounts, issuer, passwordGrant, store, clients, keys, verifier };
}
