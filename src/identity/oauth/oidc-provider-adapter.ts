// What the library takes for its storage: the unit of work of the request at hand, with the database behind it.
//
// The library reads the machine's clock. What it stores therefore goes without its dates, and comes back with dates made
// from what is left by our clock, so that how long something is good is decided by one clock only.
import type { AsyncLocalStorage } from "node:async_hooks";
import type { Adapter, AdapterPayload } from "oidc-provider";
import type { Accounts } from "./accounts.ts";
import type { OAuthClient } from "./client.ts";
import type { Clients } from "./clients.ts";
import { accessTokenSeconds } from "./lifetimes.ts";
import type { Found, TokenStore } from "./token-store.ts";
import type { Payload, UnitOfWork } from "./unit-of-work.ts";

/** What the storage is made of. */
export interface AdapterParts {
  readonly units: AsyncLocalStorage<UnitOfWork>;
  readonly store: TokenStore;
  readonly clients: Clients;
  readonly accounts: Accounts;
  /** A client in the words of RFC 7591. */
  readonly describe: (client: OAuthClient) => AdapterPayload;
}

/** The storage of one of the library's models. Sessions and interactions live as long as their request. */
export function adapterFor(model: string, { units, store, clients, accounts, describe }: AdapterParts): Adapter {
  const unit = (): UnitOfWork => {
    const current = units.getStore();
    if (current === undefined) throw new Error("the library was called outside of a request");
    return current;
  };

  /** What the database holds. */
  const stored = async (id: string): Promise<Found | undefined> => {
    if (model === "Grant") {
      const grant = await store.grant(id);
      // The family of an account whose sessions have ended is as good as revoked.
      const status = grant && (await accounts.status(String(grant.payload["accountId"])));
      return status?.disabled === false && status.epoch === grant?.payload["epoch"] ? grant : undefined;
    }
    return ["RefreshToken", "AuthorizationCode", "ReplayDetection"].includes(model)
      ? store.token(model, id)
      : undefined;
  };

  const find = async (id: string): Promise<AdapterPayload | undefined> => {
    const buffered = unit().find(model, id);
    if (buffered !== undefined) return dated(buffered.payload, buffered.expiresIn, id);
    if (model === "Client") {
      const client = await clients.find(id);
      return client === undefined ? undefined : describe(client);
    }
    const found = await stored(id);
    if (found === undefined) return undefined;
    const used = found.consumed || unit().consumed.has(id);
    if (used && isFamilyToken(model)) {
      unit().reuse = { model, grantId: String(found.payload["grantId"]) };
    }
    return { ...dated(found.payload, found.expiresIn, id), ...(used ? { consumed: true } : {}) };
  };

  return {
    find,
    findByUid: async (uid) => {
      const session = unit()
        .of(model)
        .find(({ payload }) => payload["uid"] === uid);
      return session && dated(session.payload, session.expiresIn, session.id);
    },
    findByUserCode: () => Promise.resolve(undefined),
    upsert: (id, payload, expiresIn) => {
      const { jti: _jti, iat: _iat, exp: _exp, ...rest } = payload as Record<string, unknown>;
      const kept = model === "Grant" ? { ...rest, epoch: unit().epoch } : rest;
      unit().store({ model, id, payload: kept, expiresIn: expiresIn ?? accessTokenSeconds });
      return Promise.resolve();
    },
    consume: async (id) => {
      const found = await stored(id);
      if (found === undefined || !isFamilyToken(model)) throw new Error("only a stored token is used up");
      unit().consumed.set(id, { model, grantId: String(found.payload["grantId"]) });
    },
    // A token that is revoked stays on record as used or dead with its family; only what this request made is undone.
    destroy: (id) => {
      if (model === "Grant") unit().revokedGrants.add(id);
      unit().forget(model, id);
      return Promise.resolve();
    },
    revokeByGrantId: (grantId) => {
      unit().revokedGrants.add(grantId);
      return Promise.resolve();
    },
  };
}

function isFamilyToken(model: string): model is "RefreshToken" | "AuthorizationCode" {
  return model === "RefreshToken" || model === "AuthorizationCode";
}

/** A payload with the dates that the library wants to see. */
function dated(payload: Payload, expiresIn: number, id: string): AdapterPayload {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return { ...payload, jti: id, iat: nowSeconds, exp: nowSeconds + expiresIn };
}
