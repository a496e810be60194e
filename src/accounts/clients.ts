// OAuth clients and signing keys through the gate: an admin registers and revokes clients and rotates the key that signs
// tokens, and each leaves its intent and outcome.
import { randomBytes } from "node:crypto";
import type { Constitution } from "../constitution/index.ts";
import { accessTokenSeconds, authMethodOf, checkDraft, newClientId, oauthFault } from "../identity/index.ts";
import type {
  ClientDraft,
  ClientId,
  ClientRecord,
  Clients,
  ClientWriter,
  SigningKeyRecord,
  SigningKeys,
} from "../identity/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { digestOfJson, sha256Hex } from "../kernel/hash.ts";
import { publicNames } from "../kernel/json-case.ts";
import { authorityOfClient, governanceFault } from "../governance/index.ts";
import { manageCredentials } from "./credential-attempts.ts";
import type { Gate, Receipted } from "../governance/index.ts";
import type { Attempt } from "../governance/index.ts";

/** Clients and signing keys, governed. */
export interface ClientRegistry {
  /** Registers a client; `secret`, for one that has a secret, is never to be had again. */
  create(ctx: Ctx, draft: ClientDraft): Promise<Receipted<ClientRecord & { readonly secret?: string }>>;
  /** Revokes a client and every token that it got. Rejects with `client.not_found`. */
  revoke(ctx: Ctx, id: string): Promise<Receipted<ClientRecord>>;
  list(ctx: Ctx, page: { readonly after?: ClientId; readonly limit: number }): Promise<readonly ClientRecord[]>;
  /** Lets a new key sign tokens; the old one is believed until nothing that it signed can be alive. */
  rotateSigningKey(ctx: Ctx): Promise<Receipted<SigningKeyRecord>>;
  /** Every signing key, newest first, without the private part. */
  signingKeys(ctx: Ctx): Promise<readonly SigningKeyRecord[]>;
}

/** What the registry is made of. */
export interface ClientRegistryParts {
  readonly gate: Gate;
  readonly constitution: Constitution;
  readonly clients: Clients & ClientWriter;
  readonly signingKeys: SigningKeys;
}

/** Most signing keys published at a time: a verifier fetches them all, and a rotation a day needs two. */
const mostPublishedKeys = 20;

function tooManyKeys(): Error {
  return oauthFault("signing_key.too_many", `${mostPublishedKeys} keys are published`, {
    limit: "mostPublishedKeys",
    remedy: "wait until the oldest of them has expired, about half an hour after it was replaced",
    retryAfterSeconds: accessTokenSeconds,
  });
}

/** Bytes of a client's secret; 256 bits cannot be guessed. */
const secretBytes = 32;

/** Clients and signing keys behind the gate. */
export function openClientRegistry(parts: ClientRegistryParts): ClientRegistry {
  const { gate, constitution, clients, signingKeys } = parts;
  return {
    create: (ctx, draft) => {
      const id = newClientId(ctx.clock);
      const attempt: Attempt = {
        operation: "client.create",
        resource: `client/${id}`,
        ...manageCredentials,
        grants: authorityOfClient(draft),
      };
      return gate.act(ctx, attempt, async (act) => {
        await checkDraft(draft);
        if (draft.product !== undefined && !Object.hasOwn(constitution.data.products, draft.product)) {
          throw governanceFault("product.not_found", "there is no such product", { at: "body/product" });
        }
        const hasSecret = authMethodOf(draft) === "client_secret_basic";
        const secret = hasSecret ? randomBytes(secretBytes).toString("base64url") : undefined;
        const record = await clients.create(
          {
            id,
            draft,
            createdBy: ctx.principal.id,
            ...(secret === undefined ? {} : { secretHash: sha256Hex(secret) }),
          },
          act,
        );
        return {
          value: { ...record, ...(secret === undefined ? {} : { secret }) },
          digest: digestOfJson(publicNames(record)),
        };
      });
    },
    revoke: (ctx, id) =>
      gate.act(ctx, { operation: "client.revoke", resource: `client/${id}`, ...manageCredentials }, async (act) => {
        const record = await clients.revoke(id, act);
        return { value: record, digest: digestOfJson(publicNames(record)) };
      }),
    list: async (ctx, page) => {
      gate.permit(ctx, manageCredentials.target);
      return clients.list(page);
    },
    rotateSigningKey: async (ctx) => {
      const resource = "signing_key/next";
      return gate.act(ctx, { operation: "signing_key.rotate", resource, ...manageCredentials }, async (act) => {
        if ((await signingKeys.jwks()).keys.length >= mostPublishedKeys) throw tooManyKeys();
        const minted = await signingKeys.mint();
        const record = await signingKeys.rotate(minted, act);
        return { value: record, digest: digestOfJson(minted.publicJwk) };
      });
    },
    signingKeys: async (ctx) => {
      gate.permit(ctx, manageCredentials.target);
      return signingKeys.list();
    },
  };
}
