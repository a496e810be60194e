// What an admin does with the accounts of others.
import { randomBytes } from "node:crypto";
import { newUserId, userFault } from "../identity/index.ts";
import type { UserRecord } from "../identity/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { digestOfJson } from "../kernel/hash.ts";
import { othersTurn, Stretch } from "../kernel/stretch.ts";
import { manageCredentials } from "./credential-attempts.ts";
import type { AccountDraft } from "./account-draft.ts";
import { assignmentOf, changeOf, importedUser, namesOf } from "./account-draft.ts";
import type { AccountRecords } from "./account-records.ts";
import type { AccountParts, Administration, WithOneTimePassword } from "./account.ts";
import type { Done } from "./attempt.ts";
import { grantsOf } from "./permission.ts";

/** Whoever takes over an account may turn out to be an admin. */
const anyone = { grants: "everything" } as const;

/** Most accounts in one import; one act, one transaction, one pair of leaves. */
const mostImported = 1000;

/** The first admin. `.invalid` is reserved for what is no domain (RFC 2606), until an admin sets a real address. */
const firstAdmin: AccountDraft = { username: "admin", email: "admin@charter.invalid", kind: "admin", role: "admin" };

/** The administrative half of accounts. */
export function administration(parts: AccountParts, records: AccountRecords): Administration {
  const { users } = parts.directory;
  const { create, resetPassword } = oneTimePasswords(parts, records);
  return {
    create,
    resetPassword,
    ...changes(parts, records),
    importAll: importing(parts, records),
    async list(ctx, page) {
      parts.gate.permit(ctx, manageCredentials.target);
      return users.list(page);
    },
    async get(ctx, id) {
      parts.gate.permit(ctx, manageCredentials.target);
      return users.byId(id);
    },
    async ensureFirstAdmin(ctx) {
      if (await users.any()) return undefined;
      try {
        const { value } = await create(ctx, firstAdmin);
        return { username: value.user.username, oneTimePassword: value.oneTimePassword };
      } catch (error) {
        // Another process that started at the same time was faster.
        if (error instanceof Fault && error.code === "user.exists") return undefined;
        throw error;
      }
    },
  };
}

function oneTimePasswords(
  parts: AccountParts,
  records: AccountRecords,
): Pick<Administration, "create" | "resetPassword"> {
  const { gate, clock, constitution, directory } = parts;
  const { writer, hasher } = directory;
  return {
    create(ctx, draft) {
      const id = newUserId(clock);
      const digest = records.digest(draft);
      const attempt = {
        operation: "user.create",
        resource: records.resource({ id }),
        ...manageCredentials,
        ...grantsOf(draft),
        digest,
      };
      return gate.act(ctx, attempt, async (intentIndex) => {
        const fields = { ...namesOf(draft), ...assignmentOf(constitution, draft) };
        const oneTimePassword = newOneTimePassword();
        const passwordHash = await hasher.hash(oneTimePassword);
        const user = await records.change(intentIndex, id, (tx) =>
          writer.create(tx, { id, ...fields, verified: true, mustChangePassword: true, passwordHash }),
        );
        return { value: { user, oneTimePassword }, digest: records.digest(user) };
      });
    },
    resetPassword(ctx, id): Promise<Done<WithOneTimePassword>> {
      const attempt = {
        operation: "user.reset_password",
        resource: records.resource({ id }),
        ...manageCredentials,
        ...anyone,
      };
      return gate.act(ctx, attempt, async (intentIndex) => {
        const oneTimePassword = newOneTimePassword();
        const passwordHash = await hasher.hash(oneTimePassword);
        const user = await records.change(intentIndex, id, (tx) =>
          writer.setPassword(tx, id, { passwordHash, mustChangePassword: true }),
        );
        return { value: { user, oneTimePassword }, digest: records.digest(user) };
      });
    },
  };
}

function changes(parts: AccountParts, records: AccountRecords): Pick<Administration, "update" | "disable" | "enable"> {
  const { gate, constitution, directory } = parts;
  const { users, writer } = directory;
  const setDisabled = (operation: string, disabled: boolean) => {
    return (ctx: Ctx, id: string): Promise<Done<UserRecord>> =>
      gate.act(ctx, { operation, resource: records.resource({ id }), ...manageCredentials }, async (intentIndex) => {
        const user = await records.change(intentIndex, id, (tx) => writer.setDisabled(tx, id, disabled));
        return { value: user, digest: records.digest(user) };
      });
  };
  return {
    disable: setDisabled("user.disable", true),
    enable: setDisabled("user.enable", false),
    update(ctx, id, change) {
      const attempt = {
        operation: "user.update",
        resource: records.resource({ id }),
        ...manageCredentials,
        ...grantsOf(change),
      };
      return gate.act(ctx, attempt, async (intentIndex) => {
        const checked = changeOf(constitution, await users.byId(id), change);
        const user = await records.change(intentIndex, id, (tx) => writer.update(tx, id, checked));
        return { value: user, digest: records.digest(user) };
      });
    },
  };
}

/** What storing an account counts for, in characters that are looked at meanwhile. */
const accountWork = 1024;

function importing(parts: AccountParts, records: AccountRecords): Administration["importAll"] {
  const { gate, clock, constitution, directory } = parts;
  return (ctx, accounts) => {
    const attempt = {
      operation: "user.import",
      resource: "user/import",
      ...manageCredentials,
      ...grantsOf(...accounts),
    };
    return gate.act(ctx, attempt, async (intentIndex) => {
      if (accounts.length > mostImported) {
        throw userFault("user.invalid", `one import takes at most ${mostImported} users`, { at: "users" });
      }
      const prepared = accounts.map((account, i) => importedUser(constitution, account, `users/${i}/`));
      const { created, skipped } = await records.change(intentIndex, "", async (tx) => {
        // Made anew when the database runs the unit again.
        const outcome = { created: [] as UserRecord[], skipped: [] as string[] };
        const stretch = new Stretch();
        for (const [i, fields] of prepared.entries()) {
          if (stretch.isOver(accountWork)) await othersTurn(stretch);
          try {
            outcome.created.push(await directory.writer.create(tx, { id: newUserId(clock), ...fields }));
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
            if (error.code !== "user.exists") throw new Fault(error.code, error.message, { at: `users/${i}/email` });
            outcome.skipped.push(fields.username);
          }
        }
        return outcome;
      });
      const digest = digestOfJson(created.map((user) => records.digest(user)));
      return { value: { imported: created.length, skipped }, digest };
    });
  };
}

/** Crockford's base 32 in lower case: no letter can be mistaken for a digit. 32 divides 256, so `% 32` is unbiased. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** A password of 100 random bits in four groups that can be read aloud. */
function newOneTimePassword(): string {
  const letters = Array.from(randomBytes(20), (byte) => alphabet[byte % 32]).join("");
  return letters.replaceAll(/(.{5})(?!$)/g, "$1-");
}
