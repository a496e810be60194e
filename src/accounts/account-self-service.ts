// What people do with their own accounts, without a credential.
import {
  changedLetter,
  countedAddress,
  hashOfToken,
  knownAddressLetter,
  mintToken,
  newUserId,
  normalPassword,
  resetLetter,
  tokenLifeMs,
  userFault,
  verificationLetter,
} from "../identity/index.ts";
import type { UserRecord } from "../identity/index.ts";
import { ownIdentity } from "./credential-attempts.ts";
import type { AccountRecords } from "./account-records.ts";
import { namesOf } from "./account-draft.ts";
import type { AccountParts, SelfService } from "./account.ts";
import type { Attempt } from "../governance/index.ts";

/** The self-service half of accounts. */
export function selfService(parts: AccountParts, records: AccountRecords): SelfService {
  return {
    ...registration(parts, records),
    ...passwords(parts, records),
  };
}

function registration(parts: AccountParts, records: AccountRecords): Pick<SelfService, "register" | "verify"> {
  const { gate, clock, directory, registrationOpen, serverUrl } = parts;
  const { users, writer, hasher, policy } = directory;
  return {
    register(ctx, { password, ...draft }) {
      const id = newUserId(clock);
      const operation = "user.register";
      const digest = records.digest(draft);
      const attempt: Attempt = { operation, resource: records.resource({ id }), ...ownIdentity, digest };
      return gate.act(ctx, attempt, async (act) => {
        if (!registrationOpen) {
          throw userFault("user.registration_closed", "registration is closed on this server", {
            remedy: "ask an admin for an account",
          });
        }
        const names = namesOf(draft);
        await policy.check(password, names, countedAddress(ctx.address));
        const passwordHash = await hasher.hash(password, countedAddress(ctx.address));
        const known = await users.byEmail(names.email);
        const token = mintToken();
        const record = await records.change(act, id, async (tx) => {
          // Kept also when the address is another user's: a username that stayed free would give that away.
          const created = await writer.create(tx, {
            id,
            ...names,
            kind: "product",
            role: "observer",
            product: null,
            verified: false,
            mustChangePassword: false,
            passwordHash,
          });
          const holder = known === undefined ? id : undefined;
          const expiresMs = clock.nowMs() + tokenLifeMs.verify;
          await writer.issueToken(tx, { purpose: "verify", tokenHash: token.tokenHash, holder, expiresMs });
          return created;
        });
        const letter = { to: names.email, serverUrl: serverUrl() };
        records.post(
          "registration",
          known === undefined
            ? verificationLetter({ ...letter, username: names.username, token: token.text })
            : knownAddressLetter({ ...letter, to: known.email, username: known.username }),
        );
        return { value: undefined, digest: records.digest(record) };
      });
    },

    async verify(ctx, token) {
      const tokenHash = hashOfToken(token);
      const holder = await users.holderOf("verify", tokenHash);
      const attempt: Attempt = { operation: "user.verify", resource: records.resource(holder), ...ownIdentity };
      return gate.act(ctx, attempt, async (act) => {
        const record = await records.change(act, holder?.id ?? "", async (tx) =>
          writer.verify(tx, await writer.redeemToken(tx, "verify", tokenHash)),
        );
        return { value: record, digest: records.digest(record) };
      });
    },
  };
}

function passwords(parts: AccountParts, records: AccountRecords): Omit<SelfService, "register" | "verify"> {
  const { gate, clock, directory, serverUrl } = parts;
  const { users, writer, hasher, policy, signIn } = directory;
  const tellOwner = (user: UserRecord): void => {
    if (!user.verified) return;
    records.post("notice", changedLetter({ to: user.email, username: user.username, serverUrl: serverUrl() }));
  };
  return {
    async changePassword(ctx, { username, currentPassword, newPassword }) {
      const named = await users.byUsername(username);
      const attempt: Attempt = { operation: "password.change", resource: records.resource(named), ...ownIdentity };
      return gate.act(ctx, attempt, async (act) => {
        const user = await signIn.checkForChange({ username, password: currentPassword, address: ctx.address });
        if (normalPassword(newPassword) === normalPassword(currentPassword)) {
          throw userFault("auth.password_refused", "the new password is the old one", {
            limit: "passwordPolicy",
            remedy: "take another one",
            at: "new_password",
          });
        }
        await policy.check(newPassword, user, countedAddress(ctx.address));
        const passwordHash = await hasher.hash(newPassword, countedAddress(ctx.address));
        const record = await records.change(act, user.id, (tx) =>
          writer.setPassword(tx, user.id, { passwordHash, mustChangePassword: false, expectedEpoch: user.epoch }),
        );
        tellOwner(record);
        return { value: record, digest: records.digest(record) };
      });
    },

    async requestReset(ctx, email) {
      const found = await users.byEmail(email);
      const user = found?.disabled === true ? undefined : found;
      const attempt: Attempt = {
        operation: "password.reset_request",
        resource: records.resource(user),
        ...ownIdentity,
      };
      const digest = records.digest({ email });
      return gate.act(ctx, { ...attempt, digest }, async (act) => {
        const { text, tokenHash } = mintToken();
        const expiresMs = clock.nowMs() + tokenLifeMs.reset;
        // A token that no mail would bring must not replace the one that a mail has brought: an unknown caller who asks again and
        // again would keep the owner out.
        const admitted = await records.admits("reset", email);
        // For an address that no one has the same statements run, and the token has no user.
        const holder = await records.change(act, user?.id ?? "", (tx) =>
          writer.issueReset(tx, { email: admitted ? email : undefined, tokenHash, expiresMs }),
        );
        if (user !== undefined && holder === user.id) {
          const { email: to, username } = user;
          records.send(resetLetter({ to, username, token: text, serverUrl: serverUrl() }));
        }
        return { value: undefined, digest };
      });
    },

    async confirmReset(ctx, { token, newPassword }) {
      const tokenHash = hashOfToken(token);
      const holder = await users.holderOf("reset", tokenHash);
      const attempt: Attempt = {
        operation: "password.reset_confirm",
        resource: records.resource(holder),
        ...ownIdentity,
      };
      return gate.act(ctx, attempt, async (act) => {
        if (holder === undefined || holder.disabled) throw tokenInvalid();
        // A password that is refused does not use the token up.
        await policy.check(newPassword, holder, countedAddress(ctx.address));
        const passwordHash = await hasher.hash(newPassword, countedAddress(ctx.address));
        const record = await records.change(act, holder.id, async (tx) => {
          const id = await writer.redeemToken(tx, "reset", tokenHash);
          const changed = await writer.setPassword(tx, id, { passwordHash, mustChangePassword: false });
          if (changed.disabled) throw tokenInvalid();
          return changed;
        });
        await signIn.forgive(record.username, ctx.address);
        tellOwner(record);
        return { value: record, digest: records.digest(record) };
      });
    },
  };
}

function tokenInvalid(): Error {
  return userFault("auth.token_invalid", "the token is unknown, used up, replaced by a newer one, or too old", {
    at: "token",
    remedy: "ask for a new one",
  });
}
