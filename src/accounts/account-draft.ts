// What is asked for when an account is made or changed, brought into the form in which it is kept. Pure.
import type { Constitution } from "../constitution/index.ts";
import { defaultRoles, emailKeyOf, readPasswordHash, userFault, usernameOf } from "../identity/index.ts";
import type { NewUser, UserChange, UserRecord } from "../identity/index.ts";
import type { PrincipalKind, Role } from "../kernel/ctx.ts";
import { governanceFault } from "../governance/index.ts";

/** Names of a new account, as someone typed them. */
export interface AccountNames {
  readonly username: string;
  readonly email: string;
  readonly fullName?: string;
}

/** An account that an admin makes. */
export interface AccountDraft extends AccountNames {
  readonly kind: PrincipalKind;
  /** The ordinary role of the kind when absent. */
  readonly role?: Role;
  readonly product?: string;
}

/** An account that comes from another system, with the hash of its password. */
export interface ImportedAccount extends AccountDraft {
  /** `$argon2id$...` or `$2b$...`. */
  readonly passwordHash: string;
  /** Whether the other system had verified the address; true when absent. */
  readonly verified?: boolean;
}

/** Letters, marks, numbers, punctuation, symbols and spaces; nothing that is invisible or reverses the line. */
const namePattern = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]{1,100}$/u;

/** Kinds whose users belong to a product; self-registered ones wait without one until an admin assigns it. */
const productBoundKinds: readonly PrincipalKind[] = ["product", "ai_agent"];

/** The names in the form in which they are kept. Throws `user.invalid`; `at` is the place of the draft in the request. */
export function namesOf(draft: AccountNames, at = ""): Pick<NewUser, "username" | "email" | "fullName"> {
  const username = usernameOf(draft.username);
  if (username === undefined) {
    throw userFault("user.invalid", "a username is 3 to 50 letters a-z, digits, dots, hyphens and underscores", {
      at: `${at}username`,
      remedy: "begin with a letter or a digit",
    });
  }
  if (emailKeyOf(draft.email) === undefined) {
    throw userFault("user.invalid", "this is not an e-mail address that mail can be sent to", { at: `${at}email` });
  }
  return { username, email: draft.email, fullName: fullNameOf(draft.fullName, at) };
}

function fullNameOf(fullName: string | undefined | null, at: string): string | null {
  if (fullName === undefined || fullName === null) return null;
  if (namePattern.test(fullName) && fullName.trim() !== "") return fullName;
  throw userFault("user.invalid", "a name is 1 to 100 printable characters", { at: `${at}full_name` });
}

/** Kind, role and product of an account that an admin makes. */
export function assignmentOf(
  constitution: Constitution,
  { kind, role, product }: Pick<AccountDraft, "kind" | "role" | "product">,
  at = "",
): Pick<NewUser, "kind" | "role" | "product"> {
  const assignment = { kind, role: role ?? defaultRoles[kind], product: product ?? null };
  checkAssignment(constitution, assignment, at);
  return assignment;
}

function checkAssignment(
  constitution: Constitution,
  { kind, role, product }: Pick<UserRecord, "kind" | "role" | "product">,
  at: string,
): void {
  if (product !== null && !Object.hasOwn(constitution.data.products, product)) {
    throw governanceFault("product.not_found", "there is no such product", { at: `${at}product` });
  }
  if (product === null && productBoundKinds.includes(kind)) {
    throw userFault("user.product_required", `a user of kind ${kind} belongs to one product`, { at: `${at}product` });
  }
  if (role === "anonymous") {
    throw userFault("user.invalid", "the role anonymous is for callers without a credential", { at: `${at}role` });
  }
}

/** A change of an account, checked against what the account is. */
export function changeOf(constitution: Constitution, before: UserRecord, change: UserChange): UserChange {
  const { email, fullName } = change;
  if (email !== undefined) namesOf({ username: before.username, email });
  if (fullName !== undefined) fullNameOf(fullName, "");
  const assigns = change.kind !== undefined || change.role !== undefined || change.product !== undefined;
  if (assigns) checkAssignment(constitution, { ...before, ...change }, "");
  return change;
}

/** An imported account in the form in which it is kept, but for its id. */
export function importedUser(constitution: Constitution, account: ImportedAccount, at: string): Omit<NewUser, "id"> {
  if (readPasswordHash(account.passwordHash) === undefined) {
    throw userFault("user.invalid", "this is not a password hash that can be taken over", {
      at: `${at}password_hash`,
      remedy: "give bcrypt ($2a$, $2b$ or $2y$, cost 4 to 14) or Argon2 (up to 128 MiB, 10 passes, 16 lanes)",
    });
  }
  return {
    ...namesOf(account, at),
    ...assignmentOf(constitution, account, at),
    verified: account.verified ?? true,
    mustChangePassword: false,
    passwordHash: account.passwordHash,
  };
}
