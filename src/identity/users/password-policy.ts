// Which passwords are good enough.
//
// NIST SP 800-63B section 5.1.1.2: long ones, compared with lists of common and breached ones and with words of the context,
// and no rules about classes of characters. The setting `classic` adds such rules for those who are bound to have them.
// A refusal says which rule it was and what would pass.
import type { Fault } from "../../kernel/fault.ts";
import { userFault } from "./errors.ts";
import { normalPassword } from "./password-hasher.ts";
import type { PasswordWorker } from "./password-worker.ts";

/** Fewest characters. */
export const minPasswordLength = 8;
/** Most characters. */
export const maxPasswordLength = 128;
/** Least score of zxcvbn: 2 means more than 10^6 guesses. */
const leastScore = 2;
/** Shortest word of the context that a password may not contain; shorter ones are in half of all passwords. */
const shortestWord = 3;

/** Which rules are in force. */
export type PolicyName = "nist" | "classic";

/** Whose password it is to be. */
export interface PasswordContext {
  readonly username: string;
  readonly email: string;
}

/** Judges new passwords. */
export class PasswordPolicy {
  readonly #worker: PasswordWorker;
  readonly #name: PolicyName;

  constructor(worker: PasswordWorker, name: PolicyName) {
    this.#worker = worker;
    this.#name = name;
  }

  /** Resolves when the password is good enough. Rejects with `auth.password_refused`, or `auth.busy` as `holder`'s. */
  async check(text: string, context: PasswordContext, holder?: string): Promise<void> {
    const password = normalPassword(text);
    const length = Array.from(password).length;
    if (length < minPasswordLength || length > maxPasswordLength) {
      throw refused(
        `a password has ${minPasswordLength} to ${maxPasswordLength} characters, and this one has ${length}`,
        length < minPasswordLength ? "take a longer one; several words make a good one" : "take a shorter one",
      );
    }
    const lower = password.toLowerCase();
    const words = contextWords(context);
    if (words.some((word) => lower.includes(word))) {
      throw refused(
        "a password does not contain the username, the first part of the e-mail address or the product's name",
        "take one that has nothing to do with the account",
      );
    }
    if (
      this.#name === "classic" &&
      !(/\p{Lu}/u.test(password) && /\p{Ll}/u.test(password) && /\p{Nd}/u.test(password))
    ) {
      throw refused("a password has an upper-case letter, a lower-case letter and a digit", "add what is missing");
    }
    const { score, common, warning } = await this.#worker.strength(password, words, holder);
    if (common) {
      throw refused("this password is on the list of common and breached ones", "take one that no one else has");
    }
    if (score < leastScore) {
      const why = warning === "" ? "" : ` (${warning.replace(/\.$/, "")})`;
      throw refused(`this password is easy to guess${why}`, "add a few unusual words");
    }
  }
}

function contextWords({ username, email }: PasswordContext): string[] {
  const localPart = email.slice(0, email.lastIndexOf("@"));
  return [username, localPart, "charter"]
    .map((word) => normalPassword(word).toLowerCase())
    .filter((word) => word.length >= shortestWord);
}

function refused(detail: string, remedy: string): Fault {
  return userFault("auth.password_refused", detail, { limit: "passwordPolicy", remedy, at: "password" });
}
