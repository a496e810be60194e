// An OAuth client: an agent, a service or someone else's application that gets tokens here. Pure.
import type { Clock } from "../../kernel/clock.ts";
import type { PrincipalKind, Role } from "../../kernel/ctx.ts";
import { newId } from "../../kernel/ids.ts";

/** Public identifier of a client. */
export type ClientId = `cli_${string}`;

/** The grants that a client may be registered for. Passwords are for the built-in client alone. */
export const clientGrantTypes = ["client_credentials", "authorization_code", "refresh_token"] as const;
/** A grant that a client may be registered for. */
export type ClientGrantType = (typeof clientGrantTypes)[number];

/** How a client shows that it is itself: a secret, a signed assertion (RFC 7523), or not at all. */
export type ClientAuthMethod = "client_secret_basic" | "private_key_jwt" | "none";

/** What may be known of a client. Times are RFC 3339. */
export interface ClientRecord {
  readonly id: ClientId;
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly role: Role;
  readonly product: string | null;
  readonly authMethod: ClientAuthMethod;
  readonly grantTypes: readonly ClientGrantType[];
  readonly redirectUris: readonly string[];
  readonly createdAt: string;
  readonly createdBy: string;
  readonly revokedAt: string | null;
}

/** A client as the authorization server sees it. */
export interface OAuthClient {
  readonly id: string;
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly role: Role;
  readonly product: string | null;
  readonly authMethod: ClientAuthMethod;
  readonly grantTypes: readonly string[];
  readonly redirectUris: readonly string[];
  /** SHA-256 of the secret as hex. */
  readonly secretHash?: string;
  readonly jwks?: { readonly keys: readonly object[] };
  /** Ours: it acts with all that the person may do, and is not shown to them as someone else's. */
  readonly firstParty: boolean;
}

/** The client of requests that name none: our own command line, and forms as FastAPI's documentation pages send them. */
export const builtInClientId = "charter";

/** The built-in client. It is public: what protects a sign-in is the password. */
export function builtInClient(passwordGrant: boolean): OAuthClient {
  return {
    id: builtInClientId,
    name: "Charter",
    kind: "product",
    role: "admin",
    product: null,
    authMethod: "none",
    grantTypes: passwordGrant ? ["password", "refresh_token"] : ["refresh_token"],
    redirectUris: [],
    firstParty: true,
  };
}

/** Every client's id, as the text of a regular expression. */
export const clientIdPattern = "^cli_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";

/** A new id. */
export function newClientId(clock: Clock): ClientId {
  return `cli_${newId<"client">(clock)}`;
}

const clientIdForm = new RegExp(clientIdPattern);

/** Whether a text can be the id of a client that was made. */
export function isClientId(text: string): text is ClientId {
  return clientIdForm.test(text);
}

/** How leaves name a client that a request claims to come from: only ids that can exist, never a text of the caller's. */
export function clientResource(claimed: string | undefined): string {
  const known = claimed === builtInClientId || (claimed !== undefined && isClientId(claimed));
  return `client/${known ? claimed : "unknown"}`;
}
