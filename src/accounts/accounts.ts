// Accounts through the gate: what people do with their own, and what an admin does with those of others.
//
// 1. Every attempt leaves its intent and outcome, refused ones too; no leaf holds a name, an address or a secret. A digest
//    that covers an e-mail address covers its HMAC under the installation's salt instead, so that no one can try addresses.
// 2. An answer says nothing of whether an e-mail address is known here: a registration and a request for a reset do the same
//    work and say the same for an address that is known and one that is not. The difference goes by mail.
// 3. A one-time password is shown once; its user must choose another before the first login.
import type { UserRecord } from "../identity/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { AccountParts, Administration, SelfService } from "./account.ts";
import { administration } from "./account-administration.ts";
import { accountRecords } from "./account-records.ts";
import { selfService } from "./account-self-service.ts";

/** Accounts, governed. */
export interface Accounts extends SelfService, Administration {
  /** The user that calls, or undefined when the caller is none. */
  self(ctx: Ctx): Promise<UserRecord | undefined>;
}

/** Accounts behind the gate. */
export function openAccounts(parts: AccountParts): Accounts {
  const records = accountRecords(parts);
  const { users } = parts.directory;
  return {
    ...selfService(parts, records),
    ...administration(parts, records),
    async self({ principal }) {
      return principal.id.startsWith("usr_") ? users.byId(principal.id) : undefined;
    },
  };
}
