// What can be wrong with a login, a password or an account, as callers may read it.
import { faultsOf } from "../../kernel/fault.ts";

/** The codes of users and passwords, each with its HTTP status and its public meaning. */
export const userCodes = {
  "auth.invalid": [401, "The username or the password is wrong."],
  "auth.locked": [
    429,
    "Too many failed logins for this username from this address; try again after `Retry-After` seconds.",
  ],
  "auth.unverified": [403, "The e-mail address of this account has not been verified."],
  "auth.password_change_required": [
    403,
    "The password was made by someone else and must be changed before the first login.",
  ],
  "auth.busy": [503, "Too many passwords are being checked at this moment; try again after `Retry-After` seconds."],
  "auth.token_invalid": [400, "The token is unknown, used up, replaced by a newer one, or too old."],
  "auth.password_refused": [400, "The password is not good enough; the detail says why and what would pass."],
  "user.not_found": [404, "There is no such user."],
  "user.exists": [409, "The username is taken."],
  "user.email_taken": [409, "The e-mail address belongs to another user."],
  "user.invalid": [400, "A field of a user is not of the form that it must have."],
  "user.product_required": [400, "A user of this kind belongs to one product, which must be named."],
  "user.last_admin": [409, "This is the last enabled admin; without one no one could manage the server."],
  "user.registration_closed": [403, "Registration is closed on this server; ask an admin for an account."],
} as const;

/** Makes a fault about users or passwords. */
export const userFault = faultsOf(userCodes);
