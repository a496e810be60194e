// JSON bodies are held in memory while they arrive, are parsed and are used. Each has its own limit; here is the limit on
// all of them together, because as many connections as are allowed, each with the largest body, would not fit. No product, and
// not all unknown callers together, can hold so much that nothing is left for another product.
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { joinInTurns } from "../../kernel/bytes-in-turns.ts";
import { seesAll } from "../../kernel/ctx.ts";
import { FairShare, holderOf } from "../../kernel/fair-share.ts";
import { endOf } from "../../kernel/credential.ts";
import { httpFault } from "../errors.ts";
import { atOnce } from "./at-once.ts";
import { overloadedRetrySeconds } from "./pressure.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Bytes of its body that the request holds in memory. */
    heldBytes: number;
    /** Whose share those bytes are of; null for callers that work for the whole server. */
    bodyHolder: string | null;
  }
  interface FastifyInstance {
    /** The bytes of bodies held by all requests. */
    bodyBudget: BodyBudget;
  }
}

/** Bytes up to which a body is small: it finds room when large ones have none. */
const smallBytes = 64 * 1024;
/** Bytes that large bodies leave to small ones, and at most this share of the budget. */
const reservedBytes = 4 * 1024 * 1024;
const reservedShare = 1 / 8;

/**
 * Counts bytes of bodies that are held in memory. Large bodies leave room for small ones, and those of one product for those
 * of others.
 */
export class BodyBudget {
  readonly #most: number;
  readonly #shares: FairShare;
  #held = 0;

  /** A budget of so many bytes. */
  constructor(mostBytes: number) {
    this.#most = mostBytes;
    this.#shares = new FairShare(mostBytes);
  }

  /** Bytes held now. */
  get heldBytes(): number {
    return this.#held;
  }

  /** Counts bytes that a request is about to hold. @throws `server.overloaded` when they do not fit. */
  hold(request: FastifyRequest, bytes: number): void {
    if (request.heldBytes === 0) request.bodyHolder = holderOfBody(request);
    const holder = request.bodyHolder;
    const isLarge = request.heldBytes + bytes > smallBytes;
    const reserved = isLarge ? Math.min(reservedBytes, reservedShare * this.#most) : 0;
    if (this.#held + bytes > this.#most - reserved) {
      throw noRoom("as many bytes of request bodies are in memory as may be");
    }
    if (holder !== null && !this.#shares.take(holder, bytes)) {
      throw noRoom("the request bodies of this caller's product take its share");
    }
    this.#held += bytes;
    request.heldBytes += bytes;
  }

  /** Gives back what a request held. */
  release(request: FastifyRequest): void {
    if (request.heldBytes === 0) return;
    this.#held -= request.heldBytes;
    if (request.bodyHolder !== null && request.heldBytes > 0) this.#shares.give(request.bodyHolder, request.heldBytes);
    request.heldBytes = 0;
  }
}

/** Products have a fair share each, and so have together all who have shown no credential. */
function holderOfBody({ ctx }: FastifyRequest): string | null {
  if (ctx === null || ctx.principal.kind === "anonymous") return "anonymous";
  return seesAll(ctx.principal) ? null : holderOf(ctx.principal.product);
}

function noRoom(reason: string): Error {
  return httpFault("server.overloaded", reason, {
    limit: "http.jsonBodyBudgetBytes",
    remedy: "send the request again later, or stream the content",
    retryAfterSeconds: overloadedRetrySeconds,
  });
}

/** Keeps the count: what a request holds is given back when its answer has ended, however it ends. */
export function countBodies(app: FastifyInstance, mostBytes: number): void {
  app.decorate("bodyBudget", new BodyBudget(mostBytes));
  app.decorateRequest("heldBytes", 0);
  app.decorateRequest("bodyHolder", null);
  const check = (request: FastifyRequest, reply: FastifyReply): void => {
    const { "content-length": length, "transfer-encoding": coding } = request.headers;
    if (length === undefined && coding === undefined) return;
    reply.raw.on("close", () => app.bodyBudget.release(request));
  };
  app.addHook("onRequest", atOnce(check));
}

/**
 * Reads a whole body into memory.
 * @throws `request.too_large` as `tooLarge` words it, `request.malformed`, `server.overloaded`, or why the call was ended.
 */
export async function collectBody(
  request: FastifyRequest,
  body: Readable,
  limitBytes: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  const { bodyBudget } = request.server;
  const length = request.headers["content-length"];
  const declaredBytes = length === undefined ? undefined : Number(length);
  if (declaredBytes !== undefined && declaredBytes > limitBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const take = (piece: Buffer): void => {
    sizeBytes += piece.length;
    if (sizeBytes > limitBytes) throw tooLarge();
    bodyBudget.hold(request, piece.length);
    chunks.push(piece);
  };
  const signal = request.ctx?.signal;
  // A short body has come along with its headers; nothing but its end is still to come.
  if (body.readableLength === declaredBytes && !body.destroyed && signal?.aborted !== true) {
    const whole = body.read() as Buffer | null;
    if (whole !== null) take(whole);
    body.resume();
  } else await eachPiece(body, signal, take);
  if (declaredBytes !== undefined && sizeBytes !== declaredBytes) {
    throw httpFault("request.malformed", "the body is not as long as its Content-Length says");
  }
  return joinInTurns(chunks, sizeBytes);
}

/** Shows every piece of a body. A reader that stops by throwing leaves the connection as it is, so that the answer can be sent. */
function eachPiece(body: Readable, signal: AbortSignal | undefined, take: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      signal?.removeEventListener("abort", onStop);
      body.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
    };
    const onError = (error: unknown): void => {
      leave();
      reject(error);
    };
    const onData = (piece: Buffer): void => {
      try {
        take(piece);
      } catch (error) {
        body.pause();
        onError(error);
      }
    };
    const onEnd = (): void => {
      leave();
      resolve();
    };
    // A caller that has left is told by the body itself.
    const onStop = (): void => {
      const end = signal && endOf(signal);
      if (end === undefined) return;
      body.pause();
      onError(end);
    };
    const onClose = (): void => onError(new Error("the connection ended before the body"));
    if (body.destroyed) return onClose();
    if (signal?.aborted === true) onStop();
    signal?.addEventListener("abort", onStop);
    body.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
  });
}
