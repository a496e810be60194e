// Whether credentials that were good a while ago are good now, and for what: asked of the tables, never of what is remembered.
//
// 1. Asked inside a transaction on PostgreSQL, the rows that answer are locked: a unit that revokes or changes what was
//    found waits until the transaction ends. On SQLite units run one after another, and nothing changes in between.
//    Who asks in order to change such rows takes turns with all others that do (`db/turns.ts`), in this one order: the turn,
//    then rows that are shared, then the rows that are changed. A row's place in the queue is taken before the row.
// 2. Many credentials cost as many statements as one, but for very many.
import { CompiledQuery } from "kysely";
import type { Kysely, Transaction } from "kysely";
import { sharedPlace, takeTurn } from "../db/index.ts";
import type { Database } from "../db/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Principal, PrincipalKind, Role } from "../kernel/ctx.ts";
import type { Credential } from "../kernel/credential.ts";
import type { LesserRole } from "../kernel/roles.ts";
import { principalOfKey } from "./authenticator.ts";
import type { KeyRow } from "./migrations.ts";
import { actingAs, lentTo } from "./oauth/accounts.ts";
import type { AccountStatus } from "./oauth/accounts.ts";
import { builtInClient, builtInClientId } from "./oauth/client.ts";
import { boundByOwner } from "./owner.ts";
import type { Owner } from "./owner.ts";

/** How the rows that answer are kept from changing: by an act that changes none of their sort, or by one that takes its turn. */
export type Lock = "share" | "turn";

/** Ids in one statement; a list is filled up to one of these lengths, so that few statements are prepared. */
const [one, many] = [1, 64];

/** What may be done through a client now. */
interface ClientStatus {
  readonly kind: PrincipalKind;
  readonly role: Role;
  readonly product: string | null;
  readonly firstParty: boolean;
}

/** What a look-up has found, by id. */
interface Found {
  readonly keys: ReadonlyMap<string, KeyRow>;
  readonly users: ReadonlyMap<string, AccountStatus>;
  readonly clients: ReadonlyMap<string, ClientStatus>;
  readonly grants: ReadonlyMap<string, unknown>;
  readonly revokedTokens: ReadonlyMap<string, unknown>;
}

const isUser = (id: string): boolean => id.startsWith("usr_");

/** Asks what credentials are good for. */
export class CredentialLookup {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #lesser: LesserRole;

  constructor(db: Database, clock: Clock, lesser: LesserRole) {
    this.#db = db;
    this.#clock = clock;
    this.#lesser = lesser;
  }

  /** Who a credential stands for now, undefined when it stands no more; in a transaction, until that ends. */
  async present<T>(credential: Credential, tx?: Transaction<T>, lock: Lock = "share"): Promise<Principal | undefined> {
    return (await this.presentAll([credential], tx, lock)).get(credential);
  }

  /** The same for many; those that stand no more are left out. Rejects with `db.unavailable`. */
  async presentAll<T>(
    credentials: readonly Credential[],
    tx?: Transaction<T>,
    lock: Lock = "share",
  ): Promise<ReadonlyMap<Credential, Principal | undefined>> {
    const nowMs = this.#clock.nowMs();
    const asked = credentials.filter(({ expiresMs }) => nowMs < expiresMs);
    if (tx !== undefined && lock === "turn") await takeTurn(tx, this.#db.dialect);
    const locking = tx === undefined || this.#db.dialect === "sqlite" ? "" : "for share";
    const found = await this.#find((tx ?? this.#db.read) as Kysely<unknown>, asked, locking);
    const present = new Map<Credential, Principal | undefined>();
    for (const credential of asked) {
      const principal = principalIn(found, credential, nowMs, this.#lesser);
      if (principal !== undefined) present.set(credential, principal);
    }
    return present;
  }

  async #find(db: Kysely<unknown>, credentials: readonly Credential[], locking: string): Promise<Found> {
    const ids = {
      keys: new Set<string>(),
      owners: new Set<string>(),
      grants: new Set<string>(),
      tokens: new Set<string>(),
    };
    for (const credential of credentials) {
      if (credential.kind === "key") {
        ids.keys.add(credential.id);
        if (credential.owner !== null) ids.owners.add(credential.owner);
      } else if (credential.kind === "token") {
        ids.owners.add(credential.client).add(credential.account);
        if (credential.grant === undefined) ids.tokens.add(credential.tokenId);
        else ids.grants.add(credential.grant);
      }
    }
    const rows = <Row>(
      columns: string,
      table: string,
      wanted: Iterable<string>,
      more = "",
    ): Promise<Map<string, Row>> => this.#rows<Row>(db, { columns, table, more, locking }, [...wanted]);
    const owners = [...ids.owners].filter((id) => id !== builtInClientId);
    return {
      keys: await rows<KeyRow>("identity_keys.*", "identity_keys", ids.keys, "and revoked_ms is null"),
      users: await rows<AccountStatus>(userColumns, "identity_users", owners.filter(isUser), "and disabled = 0"),
      clients: await rows<ClientStatus>(
        clientColumns,
        "oauth_clients",
        owners.filter((id) => !isUser(id)),
        "and revoked_ms is null",
      ),
      grants: await rows("id", "oauth_grants", ids.grants, "and revoked_ms is null"),
      revokedTokens: await rows("jti", "oauth_revoked_tokens", ids.tokens),
    };
  }

  async #rows<Row>(
    db: Kysely<unknown>,
    { columns, table, more, locking }: Readonly<Record<"columns" | "table" | "more" | "locking", string>>,
    ids: readonly string[],
  ): Promise<Map<string, Row>> {
    const rows = new Map<string, Row>();
    const idColumn = table === "oauth_revoked_tokens" ? "jti" : "id";
    // Locked in one order everywhere, so that transactions which lock the same rows do not wait for each other in a circle.
    const sorted = ids.toSorted();
    for (let at = 0; at < sorted.length; at += many) {
      const part = sorted.slice(at, at + many);
      const last = part.at(-1) ?? "";
      while (part.length > one && part.length < many) part.push(last);
      const places = part.map((_, i) => (this.#db.dialect === "postgres" ? `$${i + 1}` : "?")).join(", ");
      // In a transaction it is one credential that is asked about.
      const queued = locking !== "" && part.length === one ? `${sharedPlace("$1")}, ` : "";
      const locked = locking === "" ? "" : `${locking} of ${table}`;
      const text = `select ${columns} from ${queued}${table} where ${idColumn} in (${places}) ${more} order by ${idColumn} ${locked}`;
      const answer = await db.executeQuery<Record<string, string>>(CompiledQuery.raw(text, part));
      for (const row of answer.rows) rows.set(row[idColumn] ?? "", row as Row);
    }
    return rows;
  }
}

const userColumns = "id, kind, role, product, disabled, epoch";
const clientColumns = "id, kind, role, product";

function principalIn(found: Found, credential: Credential, nowMs: number, lesser: LesserRole): Principal | undefined {
  if (credential.kind === "key") {
    const row = found.keys.get(credential.id);
    if (row === undefined || nowMs >= (row.expires_ms ?? Number.POSITIVE_INFINITY)) return undefined;
    if (row.owner === null) return principalOfKey(row);
    const owner = ownerIn(found, row.owner);
    return owner && boundByOwner(principalOfKey(row), owner, lesser);
  }
  if (credential.kind === "token") return principalOfToken(found, credential, lesser);
  // The present claims of another issuer's account are not known here; `undefined` would mean that it has ended.
  return credential.principal;
}

function ownerIn({ users, clients }: Found, id: string): Owner | undefined {
  return id === builtInClientId ? builtInClient(false) : (users.get(id) ?? clients.get(id));
}

function principalOfToken(
  { users, clients, grants, revokedTokens }: Found,
  { account, client: clientId, epoch, grant, tokenId }: Extract<Credential, { kind: "token" }>,
  lesser: LesserRole,
): Principal | undefined {
  if (grant === undefined ? revokedTokens.has(tokenId) : !grants.has(grant)) return undefined;
  const client = clientId === builtInClientId ? builtInClient(false) : clients.get(clientId);
  if (client === undefined) return undefined;
  const { kind, product, role } = client;
  if (account === clientId) return client.firstParty ? undefined : { id: account, kind, product, role };
  const status = users.get(account);
  if (status === undefined || status.epoch !== epoch) return undefined;
  return lentTo(clientId, actingAs(account, status, client, lesser), client);
}
