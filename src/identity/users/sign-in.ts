// Who has shown a username and its password.
//
// 1. An unknown username, a disabled user and a wrong password get one answer, after the same work.
// 2. Five failures for one username from one address lock that pair for a while, and no other; a success forgets them.
// 3. Attempts for one pair are checked one after another, so that a burst is worth no more guesses than a trickle.
import { KeyedMutex } from "../../kernel/concurrency.ts";
import { sha256Hex } from "../../kernel/hash.ts";
import { silentMeter } from "../../kernel/meter.ts";
import type { Meter } from "../../kernel/meter.ts";
import { signInMetrics } from "../metrics.ts";
import { countedAddress } from "../rates/address.ts";
import type { Counter, Limit } from "../rates/counter.ts";
import { userFault } from "./errors.ts";
import { maxPasswordInput } from "./password-hasher.ts";
import type { PasswordHasher } from "./password-hasher.ts";
import type { UserRecord } from "./user.ts";
import type { Users } from "./users.ts";

/** What a caller shows. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Network address of the caller, for counting failures. */
  readonly address: string;
}

/** A user whose password was right. `rehash` goes to `UserWriter.recordLogin` in the transaction of the login. */
export interface SignedIn extends UserRecord {
  readonly rehash?: string;
}

/** Checks passwords. */
export interface SignIn {
  /**
   * The user of a username and password, ready to be given a session.
   * Rejects with `auth.invalid`, `auth.locked`, `auth.busy`, `auth.unverified` or `auth.password_change_required`.
   */
  check(credentials: Credentials): Promise<SignedIn>;
  /** The same for a caller that comes to change the password, which one that must do so may. */
  checkForChange(credentials: Credentials): Promise<SignedIn>;
  /** Forgets the failures of a username from an address; its owner has been recognised by other means. */
  forgive(username: string, address: string): Promise<void>;
}

/** Failures after which one username is locked for one address, in 15 minutes. */
const failures: Limit = { limit: 5, windowMs: 900_000, group: "login-failures" };

/**
 * The lock. A counter forgets a unit one to two windows after it was taken, so this one holds for 7.5 to 15 minutes, and
 * `Retry-After` says for how long.
 */
const lock: Limit = { limit: 1, windowMs: 450_000, group: "login-lock" };

/** What checking passwords needs. */
export interface SignInParts {
  readonly users: Users;
  readonly hasher: PasswordHasher;
  readonly counter: Counter;
  /** Whether a user must have verified an e-mail address once before it may log in. */
  readonly requireVerifiedEmail: boolean;
  /** Nothing is measured when it is absent. */
  readonly meter?: Meter | undefined;
}

/** Checks passwords against the database. */
export class PasswordSignIn implements SignIn {
  readonly #parts: SignInParts;
  readonly #metrics: ReturnType<typeof signInMetrics>;
  /** By pair of username and address. */
  readonly #attempts = new KeyedMutex();

  constructor(parts: SignInParts) {
    this.#parts = parts;
    this.#metrics = signInMetrics(parts.meter ?? silentMeter);
  }

  async check(credentials: Credentials): Promise<SignedIn> {
    const user = await this.checkForChange(credentials);
    if (user.mustChangePassword) {
      throw userFault("auth.password_change_required", "this password was made by someone else", {
        remedy: "choose your own with POST /api/v1/auth/password/change, then log in",
      });
    }
    return user;
  }

  checkForChange(credentials: Credentials): Promise<SignedIn> {
    const pair = pairOf(credentials.username, credentials.address);
    return this.#metrics.signIn(() => this.#attempts.run(pair, () => this.#attempt(pair, credentials)));
  }

  async forgive(username: string, address: string): Promise<void> {
    const pair = pairOf(username, address);
    await this.#parts.counter.clear(`login-failures:${pair}`);
    await this.#parts.counter.clear(`login-lock:${pair}`);
  }

  async #attempt(pair: string, { username, password, address }: Credentials): Promise<SignedIn> {
    const { users, hasher, counter, requireVerifiedEmail } = this.#parts;
    const { allowed, resetMs } = await counter.peek(`login-lock:${pair}`, lock);
    if (!allowed) {
      throw userFault("auth.locked", "too many failed logins for this username from this address", {
        limit: "loginFailures",
        remedy: "wait, or set a new password with POST /api/v1/auth/password-reset/request",
        retryAfterSeconds: Math.ceil(resetMs / 1000),
      });
    }
    const holder = countedAddress(address);
    const found = await users.withHash(username);
    const looked = password.slice(0, maxPasswordInput);
    const { matches, outdated } = await hasher.verify(looked, found?.passwordHash, holder);
    if (!matches || found === undefined || found.user.disabled || looked !== password) {
      await this.#countFailure(pair);
      throw userFault("auth.invalid", "the username or the password is wrong");
    }
    await counter.clear(`login-failures:${pair}`);
    // An address that an admin replaced recovers nothing until it is verified, but keeps no one out.
    if (requireVerifiedEmail && !found.wasVerified) {
      throw userFault("auth.unverified", "the e-mail address of this account has not been verified", {
        remedy: "follow the link that was mailed at registration, or ask an admin for help",
      });
    }
    return outdated ? { ...found.user, rehash: await hasher.hash(password, holder) } : found.user;
  }

  async #countFailure(pair: string): Promise<void> {
    const { counter } = this.#parts;
    const { remaining } = await counter.take(`login-failures:${pair}`, failures);
    if (remaining > 0) return;
    await counter.take(`login-lock:${pair}`, lock);
    await counter.clear(`login-failures:${pair}`);
  }
}

/**
 * A username and an address as failures are counted for them: no name and no address stands in it, and the addresses of one
 * IPv6 network count as one.
 */
function pairOf(username: string, address: string): string {
  return sha256Hex(`${username.toLowerCase()}\n${countedAddress(address)}`);
}
