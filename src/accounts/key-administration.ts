// Keys through the gate: an admin makes and revokes them, and each leaves its intent and outcome like any other change.
import type { Constitution } from "../constitution/index.ts";
import { identityFault, mintKey, reachesNoFurther } from "../identity/index.ts";
import type { Identity, KeyId, KeyRecord } from "../identity/index.ts";
import type { Ctx, PrincipalKind, Role } from "../kernel/ctx.ts";
import { digestOfJson } from "../kernel/hash.ts";
import { publicNames } from "../kernel/json-case.ts";
import { authorityOfKey, governanceFault } from "../governance/index.ts";
import { manageCredentials } from "./credential-attempts.ts";
import type { Gate, Receipted } from "../governance/index.ts";

/** What a new key is for. */
export interface KeyDraft {
  readonly kind: PrincipalKind;
  readonly product?: string;
  readonly label?: string;
  readonly role?: Role;
  readonly operations?: readonly string[];
  readonly networks?: readonly string[];
  /** RFC 3339. */
  readonly expiresAt?: string;
  /** The user or client that the key belongs to and dies with. */
  readonly owner?: string;
}

/** Keys, governed. */
export interface KeyAdministration {
  /** Makes a key; `key` is its text and is never to be had again. */
  create(ctx: Ctx, draft: KeyDraft): Promise<Receipted<KeyRecord & { readonly key: string }>>;
  revoke(ctx: Ctx, id: string): Promise<Receipted<KeyRecord>>;
  list(ctx: Ctx, page: { readonly after?: KeyId; readonly limit: number }): Promise<readonly KeyRecord[]>;
}

/** Keys behind the gate. */
export function openKeyAdministration(parts: {
  gate: Gate;
  identity: Identity;
  constitution: Constitution;
}): KeyAdministration {
  const { gate, identity, constitution } = parts;
  /** A key that reaches beyond its owner would be good for nothing. */
  const checkOwner = async (id: string | undefined, product: string | null): Promise<void> => {
    if (id === undefined) return;
    const at = "body/owner";
    const owner = await identity.ownerOf(id);
    if (owner === undefined) throw identityFault("key.owner_not_found", "there is no such user or client", { at });
    if (reachesNoFurther(product, owner)) return;
    throw identityFault("key.owner_not_found", "the owner belongs to another product than the key would", {
      at,
      remedy: "make the key for the product of its owner",
    });
  };
  return {
    create(ctx, { kind, product, ...rest }) {
      const minted = mintKey(kind);
      return gate.act(
        ctx,
        {
          operation: "key.create",
          resource: `key/${minted.id}`,
          ...manageCredentials,
          grants: [authorityOfKey({ kind, ...(product === undefined ? {} : { product }), ...rest })],
        },
        async (act) => {
          // Only once the caller is known to be allowed: the answer tells whether there is such a product.
          if (product !== undefined && !Object.hasOwn(constitution.data.products, product)) {
            throw governanceFault("product.not_found", "there is no such product", { at: "body/product" });
          }
          await checkOwner(rest.owner, product ?? null);
          const key = { minted, product: product ?? null, ...rest, createdBy: ctx.principal.id };
          const record = await identity.keyWriter.create(key, act);
          return { value: { ...record, key: minted.text }, digest: digestOfJson(publicNames(record)) };
        },
      );
    },
    revoke: (ctx, id) =>
      gate.act(ctx, { operation: "key.revoke", resource: `key/${id}`, ...manageCredentials }, async (act) => {
        const record = await identity.keyWriter.revoke(id, act);
        return { value: record, digest: digestOfJson(publicNames(record)) };
      }),
    async list(ctx, page) {
      gate.permit(ctx, manageCredentials.target);
      return identity.keys.list(page);
    },
  };
}
