// Gives a streamed call its head in time. A model may think for minutes before its first word, and until then another deployment
// may still be asked; its caller, and every proxy on the way, should know meanwhile that the call was let in. Promises:
//
// 1. An answer, or a refusal, that is there within `promptMs` goes out as it is, a refusal with its status.
// 2. Otherwise the head leaves as soon as the intent is durable, then what keeps the stream awake until the answer begins.
// 3. What goes wrong after that is told as the last frame, in the form that clients of the dialect raise.
import { Fault } from "../kernel/fault.ts";
import { endOf } from "../kernel/credential.ts";
import type { FrontDialect } from "../models/index.ts";
import { stampOf } from "./call-session.ts";
import type { CallSession } from "./call-session.ts";
import { KeepAlive, keepAliveFrame, quiet } from "./keep-alive.ts";
import { headOf } from "./stages/settle.ts";
import type { ModelAnswer } from "./stages/settle.ts";

/** How long a head waits for what the answer will be, milliseconds; it is to be there within a second. */
const promptMs = 800;

/** The answer, or, when it takes long, one that begins without it. @throws What refused the call in time. */
export async function headInTime(
  session: CallSession,
  answering: Promise<ModelAnswer>,
  front: FrontDialect,
): Promise<ModelAnswer> {
  const prompt = await within(answering, promptMs);
  if (prompt !== undefined) return prompt;
  try {
    await session.parts.begun.intent;
  } catch {
    // The call fails for the same reason, and that is put on record.
    return answering;
  }
  return { kind: "stream", facts: await headOf(session, null), bytes: awaited(session, answering, front) };
}

/** What is there within a time; undefined when nothing is. */
async function within<T>(answering: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  try {
    return await Promise.race([answering, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Keeps the stream awake until the answer begins, and is that answer from then on. */
async function* awaited(
  session: CallSession,
  answering: Promise<ModelAnswer>,
  front: FrontDialect,
): AsyncGenerator<Buffer, void> {
  const frame = keepAliveFrame(front);
  using keepAlive = new KeepAlive();
  session.listen(() => keepAlive.heard());
  let answer: ModelAnswer | typeof quiet = quiet;
  try {
    while (answer === quiet) {
      session.streamed(frame);
      yield frame;
      keepAlive.sent();
      answer = await keepAlive.until(answering);
    }
  } catch (error) {
    const { signal } = session.ctx;
    const isGone = signal.aborted && endOf(signal) === undefined;
    if (!isGone) yield Buffer.from(front.streamWriter(session.call, stampOf(session)).fail(wordsOf(session, error)));
    return;
  } finally {
    session.listen(undefined);
    if (answer === quiet) void leave(answering);
  }
  if (answer.kind !== "stream") throw new Error("an answer that was asked to stream came as a whole");
  yield* answer.bytes;
}

/** What the caller may read of a failure. */
function wordsOf({ ctx }: CallSession, error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof Fault) return { code: error.code, message: error.message };
  ctx.log.error({ err: error }, "a stream failed inside");
  return { code: "internal.error", message: "something failed inside" };
}

/** The caller has gone before the answer began: begun and left at once, it ends as one that its caller leaves. */
async function leave(answering: Promise<ModelAnswer>): Promise<void> {
  try {
    const answer = await answering;
    if (answer.kind !== "stream") return;
    const pieces = answer.bytes[Symbol.asyncIterator]();
    await pieces.next();
    await pieces.return?.();
  } catch {
    // It is on record why the call failed.
  }
}
