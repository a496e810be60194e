// What the authorization server needs of the people that sign in, and no more.
import type { Transaction } from "kysely";
import type { Principal, PrincipalKind, Role } from "../../kernel/ctx.ts";
import { actedForBy } from "../../kernel/principal.ts";
import type { LesserRole } from "../../kernel/roles.ts";
import type { OAuthClient } from "./client.ts";

/** A person whose password was right. */
export interface Recognised {
  readonly id: string;
  /** The account's epoch when the password was checked. */
  readonly epoch: number;
  /** A better hash of the same password, to be stored with the login. */
  readonly rehash?: string;
}

/** What a person may do at this moment. */
export interface AccountStatus {
  readonly kind: PrincipalKind;
  readonly role: Role;
  readonly product: string | null;
  readonly disabled: boolean;
  /** Grows when every session of the account must end. */
  readonly epoch: number;
}

/** The people behind tokens. */
export interface Accounts {
  /** By the constitution that is in force. */
  readonly lesserRole: LesserRole;
  /** Who a username and password belong to. Rejects with faults of its own; see `SignIn`. */
  check(shown: { readonly username: string; readonly password: string; readonly address: string }): Promise<Recognised>;
  /** What an account may do now; undefined when there is none. Up to 5 s old, and never older than a change made here. */
  status(id: string): Promise<AccountStatus | undefined>;
  /** Notes a login in the transaction that makes its tokens. Rejects when the epoch is another one by now. */
  recordLogin<T>(
    tx: Transaction<T>,
    id: string,
    login: { readonly epoch: number; readonly rehash?: string },
  ): Promise<void>;
}

/**
 * Whom a client acts as when it carries a token of someone: that person, with no more than the client's own role and
 * product. Undefined when the two belong to different products, or when each role has a permission that the other lacks.
 */
export function actingAs(
  id: string,
  status: Pick<AccountStatus, "kind" | "role" | "product">,
  client: Pick<OAuthClient, "role" | "product" | "firstParty">,
  lesser: LesserRole,
): Principal | undefined {
  const { kind, role, product } = status;
  if (client.firstParty) return { id, kind, product, role, human: true };
  if (product !== null && client.product !== null && product !== client.product) return undefined;
  const capped = lesser(role, client.role);
  return capped && { id, kind, product: product ?? client.product, role: capped };
}

/** Whom a client acts as, and through whom: what an application is lent is told apart from what the person holds. */
export function lentTo(
  clientId: string,
  principal: Principal | undefined,
  { firstParty }: Pick<OAuthClient, "firstParty">,
): Principal | undefined {
  return principal === undefined || firstParty ? principal : actedForBy(principal, clientId);
}
