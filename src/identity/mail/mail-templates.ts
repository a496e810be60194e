// The mails that the server writes, in words. Nothing that an unknown person typed stands in a mail to someone else, or a
// registration could be used to send text of the attacker's choice: usernames have a narrow form, names are left out.
import type { Mail } from "./mailer.ts";

/** Where a letter goes, and the server that it speaks for. */
interface Addressed {
  readonly to: string;
  readonly username: string;
  /** The server's URL without a slash at its end. */
  readonly serverUrl: string;
}

/** Asks the owner of an address to confirm a registration. */
export function verificationLetter({ to, username, serverUrl, token }: Addressed & { readonly token: string }): Mail {
  return {
    to,
    subject: "Confirm your e-mail address",
    text: [
      `Someone, presumably you, registered the user ${username} with this address at ${serverUrl}.`,
      "",
      "To confirm that the address is yours:",
      `  curl ${serverUrl}/api/v1/auth/verify --json '{"token":"${token}"}'`,
      "",
      "This works once, within 24 hours. If it was not you, do nothing: without this step the registration comes to nothing.",
      "",
    ].join("\n"),
  };
}

/** Tells the owner of an account that someone tried to register with its address. */
export function knownAddressLetter({ to, username, serverUrl }: Addressed): Mail {
  return {
    to,
    subject: "You already have an account",
    text: [
      `Someone, presumably you, tried to register with this address at ${serverUrl}.`,
      "",
      `You have an account there already; its username is ${username}. If you have forgotten the password, ask for a reset:`,
      `  curl ${serverUrl}/api/v1/auth/password-reset/request --json '{"email":"..."}'`,
      "",
      "If it was not you, do nothing: your account is as it was.",
      "",
    ].join("\n"),
  };
}

/** Lets the owner of an account choose a new password. */
export function resetLetter({ to, username, serverUrl, token }: Addressed & { readonly token: string }): Mail {
  return {
    to,
    subject: "Reset your password",
    text: [
      `Someone, presumably you, asked for a new password for the user ${username} at ${serverUrl}.`,
      "",
      "To choose one:",
      `  curl ${serverUrl}/api/v1/auth/password-reset/confirm --json '{"token":"${token}","new_password":"..."}'`,
      "",
      "This works once, within one hour, and ends every session. If it was not you, do nothing: your password is as it was.",
      "",
    ].join("\n"),
  };
}

/** Asks the owner of an address to confirm that it may recover an account. */
export function newAddressLetter({ to, username, serverUrl, token }: Addressed & { readonly token: string }): Mail {
  return {
    to,
    subject: "Confirm your new e-mail address",
    text: [
      `An admin changed the address of the user ${username} at ${serverUrl} to this one.`,
      "",
      "Until it is confirmed, no mail to it can recover the account. To confirm that the address is yours:",
      `  curl ${serverUrl}/api/v1/auth/verify --json '{"token":"${token}"}'`,
      "",
      "This works once, within 24 hours. If you do not know this user, do nothing.",
      "",
    ].join("\n"),
  };
}

/** Tells the owner of an address that it is an account's address no more. The new one is not named. */
export function addressChangedLetter({ to, username, serverUrl }: Addressed): Mail {
  return {
    to,
    subject: "Your e-mail address was changed",
    text: [
      `An admin replaced this address of the user ${username} at ${serverUrl} by another one.`,
      "",
      "This address can recover the account no more, and links that were mailed to it are void. Sessions go on.",
      "If you did not ask for this, tell your admin at once.",
      "",
    ].join("\n"),
  };
}

/** Tells the owner of an account that its password has changed. */
export function changedLetter({ to, username, serverUrl }: Addressed): Mail {
  return {
    to,
    subject: "Your password was changed",
    text: [
      `The password of the user ${username} at ${serverUrl} was changed, and every session was ended.`,
      "",
      "If it was not you, tell your admin at once.",
      "",
    ].join("\n"),
  };
}
