// Artifacts: written whole or streamed, small and large, with and without an Idempotency-Key, by callers that may leave.
import { createHash } from "node:crypto";
import { isUnknown } from "./client.ts";
import type { Told } from "./client.ts";
import type { Random } from "./random.ts";
import { asked, checkTruth, holds, listed, products, saysApplied } from "./work.ts";
import type { Leaf, Product, Seen, Surroundings, Work } from "./work.ts";

const productNames = Object.keys(products) as Product[];

/** Sizes of contents, bytes: most lie in shared segments, some in files of their own. */
const sizes = [1, 100, 5_000, 70_000, 1_100_000] as const;

/** What a caller remembers of one content that it wanted stored. */
interface Wanted {
  readonly tag: string;
  readonly product: Product;
  readonly digest: string;
  readonly idempotencyKey: string | undefined;
  /** What it was told of each try. */
  readonly told: Told[];
}

interface Artifact {
  readonly artifact_id: string;
  readonly product_id: string;
  readonly content_hash: string;
  readonly size_bytes: number;
  readonly tags: readonly string[];
}

/** The work. */
export class ArtifactWork implements Work {
  readonly name = "artifacts";
  readonly #around: Surroundings;
  readonly #hasFailed: () => boolean;
  readonly #keys = new Map<Product, string>();
  readonly #wanted: Wanted[] = [];

  /** @param hasFailed Whether the database has failed since the start: then what it holds for uploads expires only later. */
  constructor(around: Surroundings, hasFailed: () => boolean) {
    this.#hasFailed = hasFailed;
    this.#around = around;
  }

  async prepare(): Promise<void> {
    for (const product of productNames) {
      const { json } = await asked(this.#around, "/v1/keys", {
        key: this.#around.adminKey(),
        body: { kind: "product", product },
      });
      this.#keys.set(product, json.key);
    }
  }

  async act(chance: Random): Promise<void> {
    const known = this.#wanted.filter(({ told }) => told.length > 0);
    if (known.length > 0 && chance.chance(0.3)) return this.#read(chance.pick(known), chance);
    const product = chance.pick(productNames);
    const bytes = chance.draw(Buffer.alloc(1 + chance.below(chance.chance(0.04) ? sizes[4] : sizes[chance.below(4)]!)));
    const wanted: Wanted = {
      tag: `wanted-${this.#wanted.length}`,
      product,
      digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
      idempotencyKey: chance.chance(0.5) ? `once-${this.#wanted.length}` : undefined,
      told: [],
    };
    this.#wanted.push(wanted);
    // One that does not know asks again when that is safe.
    for (let tries = 0; tries < 3; tries++) {
      const told = await this.#write(wanted, bytes, chance);
      wanted.told.push(told);
      if (!isUnknown(told) || wanted.idempotencyKey === undefined) return;
      await this.#around.timeline.sleep(chance.between(10, 20_000));
    }
  }

  #write({ product, tag, idempotencyKey }: Wanted, bytes: Buffer, chance: Random): Promise<Told> {
    const query = new URLSearchParams({ product, type: products[product], tag });
    return asked(this.#around, `/v1/artifacts?${query.toString()}`, {
      key: this.#keys.get(product),
      headers: {
        "content-type": "application/octet-stream",
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
      },
      body: bytes,
      ...(chance.chance(0.1) ? { leavesAfterMs: chance.between(0, 30) } : {}),
    });
  }

  /** Reads what is there as its product, and as another one, which must not see it. */
  async #read({ product, told, digest }: Wanted, chance: Random): Promise<void> {
    const id: string | undefined = told.at(-1)?.json?.artifact?.artifact_id;
    if (id === undefined) return;
    const reader = chance.pick(productNames);
    const answer = await asked(this.#around, `/v1/artifacts/${id}/content`, { key: this.#keys.get(reader) });
    if (reader === product) {
      if (isUnknown(answer)) return;
      holds(answer.status === 200, "what was acknowledged can be read", () => [id, answer.status, answer.json]);
      holds(digestOf(answer.bytes) === digest, "what is read is what was written", () => id);
    } else {
      holds(answer.status === 404 || isUnknown(answer), "no product sees another's artifacts", () => [
        id,
        answer.status,
      ]);
    }
  }

  async check(seen: Seen): Promise<void> {
    const all = await listed<Artifact>(this.#around, "/v1/artifacts", "artifacts");
    const byTag = Map.groupBy(all, ({ tags }) => tags[0]);
    for (const wanted of this.#wanted) checkWanted(wanted, byTag.get(wanted.tag) ?? [], seen);
    checkTruth("artifact", new Set(all.map(({ artifact_id: id }) => id)), seen.outcomesOf("artifact.create"));
    for (const { artifact_id: id, content_hash: digest } of all) {
      const { status, bytes } = await asked(this.#around, `/v1/artifacts/${id}/content`, {
        key: this.#around.adminKey(),
      });
      holds(status === 200 && digestOf(bytes) === digest, "every artifact that is listed can be read whole", () => [
        id,
        status,
      ]);
    }
    await this.#checkQuotas(all, seen);
  }

  async #checkQuotas(all: readonly Artifact[], { isLast, leaves }: Seen): Promise<void> {
    const { json } = await asked(this.#around, "/v1/products", { key: this.#around.adminKey() });
    for (const { product, used_bytes: used, held_bytes: held, artifacts } of json.products) {
      const own = all.filter(({ product_id: owner }) => owner === product);
      const bytes = own.reduce((sum, { size_bytes: size }) => sum + size, 0);
      // Bytes whose write was refused after they had been stored count until they are removed.
      const isRefused = (leaf: Leaf): boolean =>
        leaf.kind === "outcome" &&
        leaf.operation === "artifact.create" &&
        leaf.product === product &&
        !saysApplied(leaf);
      const isCounted = used === bytes || (used > bytes && leaves.some(isRefused));
      const says = { used, artifacts };
      holds(isCounted && artifacts === own.length, "a quota counts the bytes that are stored", () => [
        product,
        says,
        bytes,
        own.length,
      ]);
      holds(held === 0 || (!isLast && this.#hasFailed()), "no room is held for ever", () => [product, held]);
    }
  }
}

function checkWanted(
  { told, tag, digest, product, idempotencyKey }: Wanted,
  there: readonly Artifact[],
  seen: Seen,
): void {
  const acknowledged = told.filter(({ status }) => status === 201 || status === 200);
  const tries = told.filter((each) => each.status < 400 || isUnknown(each)).length;
  const most = idempotencyKey === undefined ? tries : Math.min(1, tries);
  holds(there.length >= Math.min(1, acknowledged.length), "nothing acknowledged is lost", () => [
    tag,
    acknowledged.map(({ json }) => json.artifact),
  ]);
  // One whose answer has not come yet may be stored.
  if (told.length > 0)
    holds(there.length <= most, "what was refused is not stored, and a repeated key stores once", () => [
      tag,
      there,
      told.map(({ status }) => status),
    ]);
  for (const { content_hash: hash, product_id: owner } of there) {
    holds(hash === digest && owner === product, "what is stored is what was sent", () => [tag, hash, owner]);
  }
  for (const { json } of acknowledged) {
    const { artifact, receipt } = json;
    const outcome = seen.leaves[receipt.outcome_index];
    const isTrue =
      seen.leaves[receipt.intent_index]?.kind === "intent" &&
      outcome?.kind === "outcome" &&
      outcome.intent === receipt.intent_index &&
      outcome.resource === `artifact/${artifact.artifact_id}` &&
      saysApplied(outcome);
    holds(isTrue, "a receipt names the leaves of its act", () => [tag, receipt, outcome]);
  }
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
