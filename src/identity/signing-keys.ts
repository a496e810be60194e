// The keys that sign access tokens.
//
// 1. A private key lies in the database as a JWE (RFC 7516, `dir` with A256GCM) under a secret that does not.
// 2. One key signs. A rotation makes a new one and destroys the private part of the old one, whose public part stays
//    published until nothing that it signed can be alive.
// 3. A rotation takes effect at once in this process, and in others when they next look, at most `ttlMs` later.
// 4. A process whose secret opens no current key makes its own in addition to the others': processes that do not share
//    a secret sign with different keys and believe each other's.
import type { Transaction } from "kysely";
import { calculateJwkThumbprint, CompactEncrypt, compactDecrypt, exportJWK, generateKeyPair } from "jose";
import type { JWK } from "jose";
import type { Database, Effect } from "../db/index.ts";
import type { Clock } from "../kernel/clock.ts";
import { instant } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { ttlMs, isRecent } from "./ttl-cache.ts";
import { accessTokenSeconds, skewSeconds } from "./oauth/lifetimes.ts";
import type { OAuthTables, SigningKeyRow } from "./oauth/migrations.ts";

/** The algorithms that a token can be signed with: Ed25519 (RFC 8037), or RSA for verifiers that know nothing newer. */
export const tokenAlgorithms = ["EdDSA", "RS256"] as const;
/** An algorithm that a token can be signed with. */
export type TokenAlgorithm = (typeof tokenAlgorithms)[number];

/** What may be known of a key. Times are RFC 3339. */
export interface SigningKeyRecord {
  readonly kid: string;
  readonly alg: TokenAlgorithm;
  readonly createdAt: string;
  /** Since when it signs nothing any more; null for the current key. */
  readonly retiredAt: string | null;
  /** Whether the server publishes it and believes what it signed. */
  readonly published: boolean;
}

/** A key that this process can use. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: TokenAlgorithm;
  readonly publicJwk: JWK;
  /** Absent when the installation's secret does not open it. */
  readonly privateJwk?: JWK;
  readonly retiredMs: number | null;
}

/** A key that can sign. */
export type Signer = SigningKey & { readonly privateJwk: JWK };

/** A key that has been made and is not stored yet. */
export interface MintedSigningKey {
  readonly kid: string;
  readonly alg: TokenAlgorithm;
  readonly publicJwk: JWK;
  readonly sealed: string;
}

/** What the keys need. */
export interface SigningKeysParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly algorithm: TokenAlgorithm;
  /** 32 bytes that are kept apart from the database. */
  readonly secret: Uint8Array;
}

/** Bits of an RSA key (NIST SP 800-57 part 1: good beyond 2030). */
const rsaBits = 3072;

/** How long a retired key is published: the life of what it signed, and of the belief of others that it still signs. */
const overlapMs = (accessTokenSeconds + skewSeconds) * 1000 + 2 * ttlMs;

/** The keys as they lie in the database. */
export class SigningKeys {
  readonly #db: Database<OAuthTables>;
  readonly #parts: SigningKeysParts;
  #known: { readonly keys: readonly SigningKey[]; readonly readMs: number } | undefined;
  readonly #opened = new Map<string, JWK | undefined>();
  #making: Promise<void> | undefined;

  constructor(parts: SigningKeysParts) {
    this.#db = parts.db.tables<OAuthTables>();
    this.#parts = parts;
  }

  /** The keys whose signatures are believed, newest first. `fresh` asks the database whatever is remembered. */
  async believed(fresh = false): Promise<readonly SigningKey[]> {
    const nowMs = this.#parts.clock.nowMs();
    if (fresh || this.#known === undefined || !isRecent(nowMs - this.#known.readMs)) {
      const rows = await this.#db.read.selectFrom("identity_signing_keys").selectAll().execute();
      const sorted = rows.toSorted(
        (left, right) => right.created_ms - left.created_ms || (left.kid < right.kid ? 1 : -1),
      );
      this.#known = { keys: await Promise.all(sorted.map((row) => this.#open(row))), readMs: nowMs };
    }
    return this.#known.keys.filter(({ retiredMs }) => retiredMs === null || nowMs < retiredMs + overlapMs);
  }

  /** The key that signs now. The first start makes it, and so does one whose algorithm or secret is another. */
  async current(): Promise<Signer> {
    const found = await this.#signer();
    if (found !== undefined) return found;
    this.#making ??= this.#makeOwn().finally(() => (this.#making = undefined));
    await this.#making;
    const made = await this.#signer();
    if (made === undefined) throw new Error("the key that was just made does not sign");
    return made;
  }

  /** The public keys as a JWK Set (RFC 7517 section 5). */
  async jwks(): Promise<{ readonly keys: readonly JWK[] }> {
    const keys = await this.believed();
    return { keys: keys.map(({ publicJwk }) => publicJwk) };
  }

  /** Every key there ever was, newest first. */
  async list(): Promise<readonly SigningKeyRecord[]> {
    const published = new Set((await this.believed(true)).map(({ kid }) => kid));
    return (await this.#rows()).map((row) => recordOf(row, published.has(row.kid)));
  }

  /** Makes a key; its id is the thumbprint of RFC 7638. */
  async mint(): Promise<MintedSigningKey> {
    const { algorithm, secret } = this.#parts;
    const options = algorithm === "RS256" ? { modulusLength: rsaBits } : { crv: "Ed25519" };
    const pair = await generateKeyPair(algorithm, { ...options, extractable: true });
    const publicJwk = await exportJWK(pair.publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    const plain = Buffer.from(JSON.stringify(await exportJWK(pair.privateKey)));
    const sealed = await new CompactEncrypt(plain)
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid })
      .encrypt(secret);
    return { kid, alg: algorithm, publicJwk: { ...publicJwk, kid, alg: algorithm, use: "sig" }, sealed };
  }

  /** Lets a new key sign from now on, in place of all others. */
  async rotate(minted: MintedSigningKey, act: Pick<Effect, "transact">): Promise<SigningKeyRecord> {
    const nowMs = this.#parts.clock.nowMs();
    const row = rowOf(minted, nowMs);
    await act.transact(async (tx: Transaction<OAuthTables>) => {
      const retire = tx.updateTable("identity_signing_keys").set({ retired_ms: nowMs, sealed: "" });
      await retire.where("retired_ms", "is", null).execute();
      await tx.insertInto("identity_signing_keys").values(row).execute();
    });
    this.#known = undefined;
    return recordOf(row, true);
  }

  async #signer(): Promise<Signer | undefined> {
    return (await this.believed()).find(
      (key): key is Signer =>
        key.retiredMs === null && key.alg === this.#parts.algorithm && key.privateJwk !== undefined,
    );
  }

  /** Adds a key of this process's own; its keys of another algorithm sign nothing any more. */
  async #makeOwn(): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    const row = rowOf(await this.mint(), nowMs);
    const stale = (await this.believed(true)).filter((key) => key.retiredMs === null && key.privateJwk !== undefined);
    await this.#db.transact(async (tx) => {
      const retire = tx.updateTable("identity_signing_keys").set({ retired_ms: nowMs, sealed: "" });
      const kids = stale.map(({ kid }) => kid);
      if (kids.length > 0) await retire.where("kid", "in", kids).execute();
      await tx.insertInto("identity_signing_keys").values(row).execute();
    });
    this.#known = undefined;
  }

  /** The keys that sign, then those that signed, newest first; of two that signed last the order is the same everywhere. */
  async #rows(): Promise<readonly SigningKeyRow[]> {
    const rows = await this.#db.read.selectFrom("identity_signing_keys").selectAll().execute();
    const endOf = ({ retired_ms }: SigningKeyRow): number => retired_ms ?? Number.MAX_SAFE_INTEGER;
    return rows.toSorted(
      (left, right) =>
        endOf(right) - endOf(left) || right.created_ms - left.created_ms || (left.kid < right.kid ? 1 : -1),
    );
  }

  async #open(row: SigningKeyRow): Promise<SigningKey> {
    const key = {
      kid: row.kid,
      alg: row.alg as TokenAlgorithm,
      publicJwk: JSON.parse(row.public_jwk) as JWK,
      retiredMs: row.retired_ms,
    };
    const privateJwk = this.#opened.has(row.kid) ? this.#opened.get(row.kid) : await this.#unseal(row);
    this.#opened.set(row.kid, privateJwk);
    return privateJwk === undefined ? key : { ...key, privateJwk };
  }

  async #unseal({ kid, alg, sealed }: SigningKeyRow): Promise<JWK | undefined> {
    const { secret, log } = this.#parts;
    if (sealed === "") return undefined;
    try {
      const allowed = { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] };
      const { plaintext } = await compactDecrypt(sealed, secret, allowed);
      return { ...(JSON.parse(Buffer.from(plaintext).toString()) as JWK), kid, alg, use: "sig" };
    } catch (error) {
      log.warn({ err: error, kid }, "the installation's secret does not open this signing key; it signs nothing here");
      return undefined;
    }
  }
}

function rowOf(minted: MintedSigningKey, nowMs: number): SigningKeyRow {
  return {
    kid: minted.kid,
    alg: minted.alg,
    public_jwk: JSON.stringify(minted.publicJwk),
    sealed: minted.sealed,
    created_ms: nowMs,
    retired_ms: null,
  };
}

function recordOf(row: SigningKeyRow, published: boolean): SigningKeyRecord {
  return {
    kid: row.kid,
    alg: row.alg as TokenAlgorithm,
    createdAt: instant(row.created_ms),
    retiredAt: row.retired_ms === null ? null : instant(row.retired_ms),
    published,
  };
}
