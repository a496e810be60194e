// Keys through the gate: an admin makes and revokes them, and each leaves its intent and outcome like any other change.
//
// 1. A key with a budget and the limit that holds it to that come to be in one transaction: there is never one without the other.
// 2. What a key's budget is, the budgets say: one that was superseded or cleared is shown as it stands.
import { freshLine } from "../budgets/index.ts";
import type { BudgetDraft, BudgetLine, Budgets } from "../budgets/index.ts";
import type { Constitution } from "../constitution/index.ts";
import { identityFault, mintKey, reachesNoFurther } from "../identity/index.ts";
import type { Identity, KeyId, KeyRecord, NewKey } from "../identity/index.ts";
import type { CallBounds, Ctx, PrincipalKind, Role } from "../kernel/ctx.ts";
import { digestOfJson } from "../kernel/hash.ts";
import { publicNames } from "../kernel/json-case.ts";
import { authorityOfKey, governanceFault } from "../governance/index.ts";
import { manageCredentials } from "./credential-attempts.ts";
import type { Act, Gate, Receipted } from "../governance/index.ts";

/** What a new key is for, and what binds its calls of models. */
export interface KeyDraft extends Omit<CallBounds, "budget"> {
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
  /** Most that its calls may use in one window. */
  readonly budget?: Omit<BudgetDraft, "scope">;
}

/** A key as it is shown: what binds its calls stands next to everything else, with null for what does not. */
export interface KeyView extends Omit<KeyRecord, "calls"> {
  readonly models: readonly string[] | null;
  /** How its budget stands; null where it has none, or none is in force any more. */
  readonly budget: Omit<BudgetLine, "scope"> | null;
  readonly rpm: number | null;
  readonly tpm: number | null;
  readonly aliases: Readonly<Record<string, string>> | null;
  readonly fallbacks: readonly string[] | null;
}

/** Keys, governed. */
export interface KeyAdministration {
  /**
   * Makes a key; `key` is its text and is never to be had again. Rejects with `product.not_found`, `key.owner_not_found`,
   * `budget.invalid`, and as `KeyWriter.create` does.
   */
  create(ctx: Ctx, draft: KeyDraft): Promise<Receipted<KeyView & { readonly key: string }>>;
  revoke(ctx: Ctx, id: string): Promise<Receipted<KeyView>>;
  list(ctx: Ctx, page: { readonly after?: KeyId; readonly limit: number }): Promise<readonly KeyView[]>;
  /** One key. Rejects with `key.not_found`. */
  get(ctx: Ctx, id: string): Promise<KeyView>;
}

/** What the administration of keys is made of. */
export interface KeyAdministrationParts {
  readonly gate: Gate;
  readonly identity: Identity;
  readonly constitution: Constitution;
  readonly room: Pick<Budgets, "set" | "lines">;
}

/** Keys behind the gate. */
export function openKeyAdministration(parts: KeyAdministrationParts): KeyAdministration {
  const { gate, identity, constitution, room } = parts;
  const shown = (records: readonly KeyRecord[]) => viewsOf(room, records);
  const one = async (record: KeyRecord): Promise<KeyView> => {
    const [view] = await shown([record]);
    if (view === undefined) throw new Error("a key was lost on the way to its reader");
    return view;
  };
  return {
    create(ctx, draft) {
      const { kind, product, models, budget, rpm, tpm, aliases, fallbacks, ...rest } = draft;
      const minted = mintKey(kind);
      const calls = boundsOf({ models, budget, rpm, tpm, aliases, fallbacks });
      const bound = { ...rest, ...(calls === undefined ? {} : { calls }) };
      const attempt = {
        operation: "key.create",
        resource: `key/${minted.id}`,
        ...manageCredentials,
        grants: [authorityOfKey({ kind, ...(product === undefined ? {} : { product }), ...bound })],
      } as const;
      return gate.act(ctx, attempt, async (act) => {
        // Only once the caller is known to be allowed: the answer tells whether there is such a product.
        if (product !== undefined && !Object.hasOwn(constitution.data.products, product)) {
          throw governanceFault("product.not_found", "there is no such product", { at: "body/product" });
        }
        await checkOwner(identity, rest.owner, product ?? null);
        const key = { minted, product: product ?? null, ...bound, createdBy: ctx.principal.id };
        const { record, line } = await stored(parts, act, key, budget);
        return { value: { ...viewOf(record, line), key: minted.text }, digest: digestOfJson(publicNames(record)) };
      });
    },
    async revoke(ctx, id) {
      const attempt = { operation: "key.revoke", resource: `key/${id}`, ...manageCredentials } as const;
      const done = await gate.act(ctx, attempt, async (act) => {
        const record = await identity.keyWriter.revoke(id, act);
        return { value: record, digest: digestOfJson(publicNames(record)) };
      });
      return { ...done, value: await one(done.value) };
    },
    async list(ctx, page) {
      gate.permit(ctx, manageCredentials.target);
      return shown(await identity.keys.list(page));
    },
    async get(ctx, id) {
      gate.permit(ctx, manageCredentials.target);
      return one(await identity.keys.get(id));
    },
  };
}

/** A key that reaches beyond its owner would be good for nothing. @throws `key.owner_not_found`. */
async function checkOwner(identity: Identity, id: string | undefined, product: string | null): Promise<void> {
  if (id === undefined) return;
  const at = "body/owner";
  const owner = await identity.ownerOf(id);
  if (owner === undefined) throw identityFault("key.owner_not_found", "there is no such user or client", { at });
  if (reachesNoFurther(product, owner)) return;
  throw identityFault("key.owner_not_found", "the owner belongs to another product than the key would", {
    at,
    remedy: "make the key for the product of its owner",
  });
}

/** Stores a key, and its budget in the same transaction; the line is how that stands. */
async function stored(
  { identity, room }: KeyAdministrationParts,
  act: Pick<Act, "transact">,
  key: NewKey,
  draft: KeyDraft["budget"],
): Promise<{ readonly record: KeyRecord; readonly line?: BudgetLine | undefined }> {
  if (draft === undefined) return { record: await identity.keyWriter.create(key, act) };
  let record: KeyRecord | undefined;
  const both: Pick<Act, "transact"> = {
    transact: (work) =>
      act.transact(async (tx) => {
        record = await identity.keyWriter.create(key, { transact: (store) => store(tx as never) });
        return work(tx as never);
      }),
  };
  const scope = scopeOf({ id: key.minted.id, product: key.product });
  const budget = await room.set({ scope, ...draft }, { by: key.createdBy, act: both });
  if (record === undefined) throw new Error("a budget was set without its key");
  return { record, line: freshLine(budget, Date.parse(budget.createdAt)) };
}

/** Whose calls a key's budget counts. A key of no product calls on account of any. */
function scopeOf({ id, product }: Pick<KeyRecord, "id" | "product">): BudgetDraft["scope"] {
  return product === null ? { key: id } : { product, key: id };
}

/** What a draft binds calls by; undefined when by nothing. */
function boundsOf(asked: { readonly [Name in keyof CallBounds]: CallBounds[Name] | undefined }):
  | CallBounds
  | undefined {
  const given = Object.entries(asked).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** Keys as they are shown, each with how its budget stands. */
async function viewsOf(room: Pick<Budgets, "lines">, records: readonly KeyRecord[]): Promise<readonly KeyView[]> {
  const asked = records.flatMap(({ calls, ...record }) => {
    const made = calls?.budget as KeyDraft["budget"];
    return made === undefined ? [] : [{ id: record.id, scope: scopeOf(record), unit: made.unit, window: made.window }];
  });
  const lines = await room.lines(asked);
  const standing = new Map(asked.map(({ id }, i) => [id, lines[i]]));
  return records.map((record) => viewOf(record, standing.get(record.id)));
}

function viewOf({ calls, ...record }: KeyRecord, line: BudgetLine | undefined): KeyView {
  const { models = null, rpm = null, tpm = null, aliases = null, fallbacks = null } = calls ?? {};
  const bounds = { models, rpm, tpm, aliases, fallbacks };
  if (line === undefined) return { ...record, ...bounds, budget: null };
  const { id, unit, window, limit, used, held, available, since, until } = line;
  return { ...record, ...bounds, budget: { id, unit, window, limit, used, held, available, since, until } };
}
