// What was asked and answered, word for word, of products whose terms say that it is kept (`keepBodiesAs`). Promises:
//
// 1. Only a call that was answered is kept, once its outcome is durable and before the answer is complete.
// 2. What is kept hashes to the digests on the outcome's leaf: the prompt in canonical form, the reply byte by byte.
// 3. Keeping is a write like any other, in its caller's name. Where it is refused or fails, the answer goes out all the
//    same: it has been paid for, and the refusal is on record.
// 4. Calls of products that keep nothing hold on to nothing.
import type { Ctx } from "../kernel/ctx.ts";
import type { Digest } from "../kernel/hash.ts";
import { escapedInTurns } from "../kernel/json-turns.ts";

/** One side of a call. */
export interface KeptBody {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** What is kept of a call, and of which one. */
export interface KeptCall {
  readonly product: string;
  /** The type of artifact that the product's terms name. */
  readonly type: string;
  readonly facts: { readonly intentIndex: number; readonly outcomeIndex: number; readonly model: string };
  readonly prompt: KeptBody;
  readonly reply: KeptBody;
}

/** Keeps calls somewhere. It never rejects. */
export interface BodyKeeper {
  keep(ctx: Ctx, call: KeptCall): Promise<void>;
}

/** Largest reply that is kept, bytes; it is held in memory until the call is over. */
export const maxKeptBytes = 32 * 1024 * 1024;

/** What one call says, gathered to be kept. */
export class CallBodies {
  readonly #keeper: BodyKeeper;
  readonly #about: Pick<KeptCall, "product" | "type"> & { readonly ctx: Ctx; readonly asked: object };
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @param about The call: whose it is, and the body as its caller sent it. */
  constructor(
    keeper: BodyKeeper,
    about: Pick<KeptCall, "product" | "type"> & { readonly ctx: Ctx; readonly asked: object },
  ) {
    this.#keeper = keeper;
    this.#about = about;
  }

  /** Whether the reply is too long to be kept. */
  get isTooLong(): boolean {
    return this.#bytes > maxKeptBytes;
  }

  /** Takes bytes of the reply as they leave. */
  add(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.isTooLong) this.#pieces = [];
    else this.#pieces.push(bytes);
  }

  /** Keeps both sides of a call that is over. Never rejects. */
  async keep(
    facts: KeptCall["facts"],
    { prompt, reply, streamed }: { readonly prompt: Digest; readonly reply: Digest; readonly streamed: boolean },
  ): Promise<void> {
    if (this.isTooLong) return;
    const { ctx, asked, product, type } = this.#about;
    await this.#keeper.keep(ctx, {
      product,
      type,
      facts,
      prompt: { bytes: await escapedInTurns(asked), digest: prompt, mediaType: "application/json" },
      reply: {
        bytes: Buffer.concat(this.#pieces),
        digest: reply,
        mediaType: streamed ? "text/event-stream" : "application/json",
      },
    });
  }
}
