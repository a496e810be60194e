// The tables of the authorization server, as SQL. Of tokens, codes and secrets only a SHA-256 is kept.
import type { Migration } from "../../db/index.ts";

/** A client as it lies in its table. Lists are JSON, times are milliseconds. */
export interface ClientRow {
  id: string;
  name: string;
  kind: string;
  role: string;
  product: string | null;
  auth_method: string;
  grant_types: string;
  redirect_uris: string;
  secret_hash: string | null;
  jwks: string | null;
  created_ms: number;
  created_by: string;
  revoked_ms: number | null;
}

/** A grant: the family of all tokens that descend from one sign-in or approval. */
export interface GrantRow {
  id: string;
  account: string;
  client: string;
  payload: string;
  created_ms: number;
  /** When the whole family ends, however often it was refreshed. */
  expires_ms: number;
  used_ms: number;
  revoked_ms: number | null;
}

/** A refresh token, an authorization code, or the id of a client assertion that must not come again. */
export interface TokenRow {
  /** SHA-256 of the token, as hex. */
  id_hash: string;
  model: string;
  grant_id: string | null;
  payload: string;
  expires_ms: number;
  consumed_ms: number | null;
}

/** A signing key as it lies in its table. */
export interface SigningKeyRow {
  kid: string;
  alg: string;
  /** The public JWK. */
  public_jwk: string;
  /** The private JWK, as a JWE under the installation's secret; empty once the key signs nothing any more. */
  sealed: string;
  created_ms: number;
  /** Since when it signs nothing any more; null for the current key. */
  retired_ms: number | null;
}

/** The tables of the authorization server. */
export interface OAuthTables {
  oauth_clients: ClientRow;
  oauth_grants: GrantRow;
  oauth_tokens: TokenRow;
  /** Access tokens without a family that were revoked before they expired. */
  oauth_revoked_tokens: { jti: string; expires_ms: number };
  identity_signing_keys: SigningKeyRow;
}

/** The step that makes them. */
export const oauthMigrations: readonly Migration[] = [
  {
    name: "identity-0004-oauth",
    async up(tx) {
      const { schema } = tx;
      await schema
        .createTable("oauth_clients")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("kind", "text", (column) => column.notNull())
        .addColumn("role", "text", (column) => column.notNull())
        .addColumn("product", "text")
        .addColumn("auth_method", "text", (column) => column.notNull())
        .addColumn("grant_types", "text", (column) => column.notNull())
        .addColumn("redirect_uris", "text", (column) => column.notNull())
        .addColumn("secret_hash", "text")
        .addColumn("jwks", "text")
        .addColumn("created_ms", "bigint", (column) => column.notNull())
        .addColumn("created_by", "text", (column) => column.notNull())
        .addColumn("revoked_ms", "bigint")
        .execute();
      await schema.createIndex("oauth_clients_by_time").on("oauth_clients").columns(["created_ms", "id"]).execute();
      await schema
        .createTable("oauth_grants")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("account", "text", (column) => column.notNull())
        .addColumn("client", "text", (column) => column.notNull())
        .addColumn("payload", "text", (column) => column.notNull())
        .addColumn("created_ms", "bigint", (column) => column.notNull())
        .addColumn("expires_ms", "bigint", (column) => column.notNull())
        .addColumn("used_ms", "bigint", (column) => column.notNull())
        .addColumn("revoked_ms", "bigint")
        .execute();
      await schema.createIndex("oauth_grants_by_expiry").on("oauth_grants").column("expires_ms").execute();
      await schema
        .createTable("oauth_tokens")
        .addColumn("id_hash", "text", (column) => column.primaryKey())
        .addColumn("model", "text", (column) => column.notNull())
        .addColumn("grant_id", "text")
        .addColumn("payload", "text", (column) => column.notNull())
        .addColumn("expires_ms", "bigint", (column) => column.notNull())
        .addColumn("consumed_ms", "bigint")
        .execute();
      await schema.createIndex("oauth_tokens_by_expiry").on("oauth_tokens").column("expires_ms").execute();
      await schema
        .createTable("oauth_revoked_tokens")
        .addColumn("jti", "text", (column) => column.primaryKey())
        .addColumn("expires_ms", "bigint", (column) => column.notNull())
        .execute();
      await schema
        .createTable("identity_signing_keys")
        .addColumn("kid", "text", (column) => column.primaryKey())
        .addColumn("alg", "text", (column) => column.notNull())
        .addColumn("public_jwk", "text", (column) => column.notNull())
        .addColumn("sealed", "text", (column) => column.notNull())
        .addColumn("created_ms", "bigint", (column) => column.notNull())
        .addColumn("retired_ms", "bigint")
        .execute();
    },
  },
];
