// A person or service that signs in: what is kept of it, and what its names may be. Pure.
import type { Clock } from "../../kernel/clock.ts";
import type { PrincipalKind, Role } from "../../kernel/ctx.ts";
import { newId } from "../../kernel/ids.ts";

/** Public identifier of a user. */
export type UserId = `usr_${string}`;

/** What may be known of a user. Times are RFC 3339. */
export interface UserRecord {
  readonly id: UserId;
  /** Lower case, unique. */
  readonly username: string;
  /** As it was given; compared without regard to case. */
  readonly email: string;
  readonly fullName: string | null;
  readonly kind: PrincipalKind;
  readonly role: Role;
  readonly product: string | null;
  readonly disabled: boolean;
  /** Whether the e-mail address has been shown to be the user's own. */
  readonly verified: boolean;
  /** Whether the password is one that someone else made, good for nothing but choosing another. */
  readonly mustChangePassword: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly lastLoginAt: string | null;
  /** Grows when the password changes and when the user is disabled; a token that carries another value is dead. */
  readonly epoch: number;
}

/** What a user may do at this moment; it is read from here and never from a token. */
export interface UserStatus {
  readonly kind: PrincipalKind;
  readonly role: Role;
  readonly product: string | null;
  readonly disabled: boolean;
  readonly epoch: number;
}

/** Every user's id, as the text of a regular expression. */
export const userIdPattern = "^usr_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";

/** A new id. */
export function newUserId(clock: Clock): UserId {
  return `usr_${newId<"user">(clock)}`;
}

/** Most characters of a username. */
export const maxUsernameLength = 50;
const usernamePattern = /^[a-z0-9][a-z0-9._-]{2,49}$/;

/** The username that a text means, lower case, or undefined when it can be none. */
export function usernameOf(text: string): string | undefined {
  const username = text.toLowerCase();
  return usernamePattern.test(username) ? username : undefined;
}

/** Most characters of an e-mail address: a path of 256 octets less its two brackets (RFC 5321 section 4.5.3.1.3). */
export const maxEmailLength = 254;

/**
 * The form of an address that mail can be sent to: HTML's `input type=email`, with at least one dot in the domain. No quoted
 * local parts and nothing beyond ASCII, so that no address can break a header line or look like another one.
 */
const emailPattern =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i;

/** The form in which two spellings of one address are equal, or undefined when the text is not an address. */
export function emailKeyOf(text: string): string | undefined {
  return text.length <= maxEmailLength && emailPattern.test(text) ? text.toLowerCase() : undefined;
}
