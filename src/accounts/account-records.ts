// What all acts on accounts share: how leaves name an account, what their digests cover, how a change becomes durable, and
// how mail leaves.
import { createHmac } from "node:crypto";
import type { Transaction } from "kysely";
import { emailKeyOf } from "../identity/index.ts";
import type { Mail } from "../identity/index.ts";
import { digestOfJson } from "../kernel/hash.ts";
import type { Digest } from "../kernel/hash.ts";
import type { AccountParts } from "./account.ts";
import type { Act } from "../governance/index.ts";

/** What an act on an account is made with. */
export interface AccountRecords {
  /** How a leaf names a user: `user/usr_...`, or `user/unknown`. */
  resource(user: { readonly id: string } | undefined): string;
  /** The digest of a record that holds an e-mail address, with the address replaced by its HMAC. */
  digest(record: { readonly email: string }): Digest;
  /** Carries out a change in the act's transaction; the status of the user is read again afterwards. */
  change<T>(act: Act, id: string, work: (tx: Transaction<unknown>) => Promise<T>): Promise<T>;
  /** Counts a mail to an address; false when it has had too many of the same sort lately and none may go. */
  admits(sort: MailSort, email: string): Promise<boolean>;
  /** Posts a mail that was admitted. */
  send(mail: Mail): void;
  /** Posts a mail, unless its address has had too many of the same sort lately. Never waits, never fails. */
  post(sort: MailSort, mail: Mail): void;
}

/** Sorts of mail, which are counted apart: using up one does not silence the others. */
export type MailSort = "registration" | "reset" | "notice";

/** Mails of one sort to one address; an unknown caller may cause no more, whatever addresses it calls from. */
const mailLimit = { limit: 3, windowMs: 3_600_000, group: "mail" };

/** The shared parts of acts on accounts. */
export function accountRecords(parts: AccountParts): AccountRecords {
  const { directory, outbox, counter, salt } = parts;
  const admits = async (sort: MailSort, email: string): Promise<boolean> => {
    // What is not an address gets no mail, and must not be counted as one that it becomes in some spelling.
    const address = emailKeyOf(email);
    return address !== undefined && (await counter.take(`mail:${sort}:${hidden(address)}`, mailLimit)).allowed;
  };
  const send = (mail: Mail): void => {
    // The first admin has such an address: no one reads mail there (RFC 6761 section 6.4).
    if (!mail.to.endsWith(".invalid")) outbox.post(mail);
  };
  const hidden = (email: string): string => createHmac("sha256", salt).update(email.toLowerCase()).digest("hex");
  return {
    resource: (user) => (user === undefined ? "user/unknown" : `user/${user.id}`),
    digest(record) {
      const fields = Object.entries({ ...record, email: hidden(record.email) });
      // What is proposed is digested before it is judged, and may hold text that has no UTF-8 and so no canonical form.
      const whole = ([name, value]: [string, unknown]) => [
        name,
        typeof value === "string" ? value.toWellFormed() : value,
      ];
      return digestOfJson(Object.fromEntries(fields.map(whole)));
    },
    async change(act, id, work) {
      try {
        return await act.transact(work);
      } finally {
        // Also after an error: a lost connection does not tell whether the commit went through.
        directory.users.forget(id);
      }
    },
    admits,
    send,
    post(sort, mail) {
      void (async () => {
        if (await admits(sort, mail.to)) send(mail);
      })();
    },
  };
}
