// What an admin does with the accounts of others.
import { randomBytes } from "node:crypto";
import { setImmediate as nextRound } from "node:timers/promises";
import {
  addressChangedLetter,
  mintToken,
  newAddressLetter,
  newUserId,
  tokenLifeMs,
  userFault,
} from "../identity/index.ts";
import type { UserRecord } from "../identity/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { digestOfJson } from "../kernel/hash.ts";
import { authorityOfAccount, authorityOfChange, passingOnDenied } from "../governance/index.ts";
import type { Authority, Receipted } from "../governance/index.ts";
import { manageCredentials } from "./credential-attempts.ts";
import type { AccountDraft } from "./account-draft.ts";
import { assignmentOf, changeOf, importedUser, namesOf } from "./account-draft.ts";
import type { AccountRecords } from "./account-records.ts";
import type { AccountParts, Administration, WithOneTimePassword } from "./account.ts";
import type { Attempt } from "../governance/index.ts";
import type { OperationName } from "../kernel/operation.ts";

/** Most accounts in one import; one act, one transaction, one pair of leaves. */
const mostImported = 1000;

/** The first admin. `.invalid` is reserved for what is not a domain (RFC 2606), until an admin sets a real address. */
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
    async ensureFirstAdmin(ctx, isUnseen) {
      const unseen = isUnseen ? await users.byUsername(firstAdmin.username) : undefined;
      const isWaiting = unseen?.mustChangePassword === true;
      if (!isWaiting && (await users.any())) return undefined;
      try {
        const { value } = await (isWaiting ? resetPassword(ctx, unseen.id) : create(ctx, firstAdmin));
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
      const attempt: Attempt = {
        operation: "user.create",
        resource: records.resource({ id }),
        ...manageCredentials,
        grants: [authorityOfAccount(draft)],
        digest,
      };
      return gate.act(ctx, attempt, async (act) => {
        const fields = { ...namesOf(draft), ...assignmentOf(constitution, draft) };
        const oneTimePassword = newOneTimePassword();
        const passwordHash = await hasher.hash(oneTimePassword);
        const user = await records.change(act, id, (tx) =>
          writer.create(tx, { id, ...fields, verified: true, mustChangePassword: true, passwordHash }),
        );
        return { value: { user, oneTimePassword }, digest: records.digest(user) };
      });
    },
    async resetPassword(ctx, id): Promise<Receipted<WithOneTimePassword>> {
      const attempt: Attempt = {
        operation: "user.reset_password",
        resource: records.resource({ id }),
        ...manageCredentials,
        grants: await grantsOn(parts, id, ofAccount),
      };
      return gate.act(ctx, attempt, async (act) => {
        const oneTimePassword = newOneTimePassword();
        const passwordHash = await hasher.hash(oneTimePassword);
        const user = await records.change(act, id, (tx) =>
          writer.setPassword(tx, id, { passwordHash, mustChangePassword: true }, judged(parts, ctx, ofAccount)),
        );
        return { value: { user, oneTimePassword }, digest: records.digest(user) };
      });
    },
  };
}

/** What an act on an account passes on, by the account as it is. */
type Given = (user: UserRecord) => readonly Authority[];

const ofAccount: Given = (user) => [authorityOfAccount(user)];

/** Judges by the record that is locked: it may be another one than when the act was allowed. @throws `permission.denied`. */
function judged({ constitution }: AccountParts, ctx: Ctx, given: Given): (before: UserRecord) => void {
  return (before) => {
    const denied = passingOnDenied(ctx, constitution.data.roles, given(before));
    if (denied) throw denied;
  };
}

/** What is passed on as far as is known beforehand; nothing where there is no account, which the act itself refuses. */
async function grantsOn({ directory }: AccountParts, id: string, given: Given): Promise<readonly Authority[]> {
  try {
    return given(await directory.users.byId(id));
  } catch (error) {
    if (error instanceof Fault && error.code === "user.not_found") return [];
    throw error;
  }
}

function changes(parts: AccountParts, records: AccountRecords): Pick<Administration, "update" | "disable" | "enable"> {
  const { gate, directory } = parts;
  const { writer } = directory;
  const setDisabled = (operation: OperationName, disabled: boolean) => {
    return async (ctx: Ctx, id: string): Promise<Receipted<UserRecord>> => {
      const given: Given = (user) => (user.disabled && !disabled ? [authorityOfAccount(user)] : []);
      const grants = await grantsOn(parts, id, given);
      const attempt: Attempt = { operation, resource: records.resource({ id }), ...manageCredentials, grants };
      return gate.act(ctx, attempt, async (act) => {
        const judge = judged(parts, ctx, given);
        const user = await records.change(act, id, (tx) => writer.setDisabled(tx, id, disabled, judge));
        return { value: user, digest: records.digest(user) };
      });
    };
  };
  return {
    disable: setDisabled("user.disable", true),
    enable: setDisabled("user.enable", false),
    update: updating(parts, records),
  };
}

function updating(parts: AccountParts, records: AccountRecords): Administration["update"] {
  const { gate, clock, constitution, directory, serverUrl } = parts;
  const { writer } = directory;
  return async (ctx, id, change) => {
    const given: Given = (before) => authorityOfChange(before, change, constitution.data.roles);
    const judge = judged(parts, ctx, given);
    const attempt: Attempt = {
      operation: "user.update",
      resource: records.resource({ id }),
      ...manageCredentials,
      grants: await grantsOn(parts, id, given),
    };
    return gate.act(ctx, attempt, async (act) => {
      const token = mintToken();
      const moved = await records.change(act, id, async (tx) => {
        let before: UserRecord | undefined;
        const user = await writer.update(tx, id, (locked) => {
          judge((before = locked));
          return changeOf(constitution, locked, change);
        });
        const toVerify = !user.verified && user.email !== before?.email;
        if (toVerify) {
          const expiresMs = clock.nowMs() + tokenLifeMs.verify;
          await writer.issueToken(tx, { purpose: "verify", tokenHash: token.tokenHash, holder: user.id, expiresMs });
        }
        return { user, before, toVerify };
      });
      const { user, before, toVerify } = moved;
      const letter = { username: user.username, serverUrl: serverUrl() };
      if (toVerify) records.post("registration", newAddressLetter({ ...letter, to: user.email, token: token.text }));
      if (before?.verified === true && before.email !== user.email) {
        records.post("notice", addressChangedLetter({ ...letter, to: before.email }));
      }
      return { value: user, digest: records.digest(user) };
    });
  };
}

/** For how long an import works without a pause, milliseconds. */
const importRoundMs = 15;

function importing(parts: AccountParts, records: AccountRecords): Administration["importAll"] {
  const { gate, clock, constitution, directory } = parts;
  return (ctx, accounts) => {
    const attempt: Attempt = {
      operation: "user.import",
      resource: "user/import",
      ...manageCredentials,
      grants: accounts.map(authorityOfAccount),
    };
    return gate.act(ctx, attempt, async (act) => {
      if (accounts.length > mostImported) {
        throw userFault("user.invalid", `one import takes at most ${mostImported} users`, { at: "users" });
      }
      const prepared = accounts.map((account, i) => importedUser(constitution, account, `users/${i}/`));
      const { created, skipped } = await records.change(act, "", async (tx) => {
        // Made again when the database runs the unit again.
        const outcome = { created: [] as UserRecord[], skipped: [] as string[] };
        let sinceMs = performance.now();
        for (const [i, fields] of prepared.entries()) {
          // A round of the event loop and no more: the transaction holds up every other writer.
          if (performance.now() - sinceMs > importRoundMs) {
            await nextRound();
            sinceMs = performance.now();
          }
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
