// The port between "send this request to that deployment" and bytes. Promises of every driver:
//
// 1. `send` settles within its deadlines, and nothing that fails later escapes as an unhandled rejection.
// 2. When the signal aborts, the connection is closed at once and pending calls are rejected with the signal's reason.
// 3. The body is pulled: a slow reader slows the upstream, and no more than one window is held for it.
// 4. Redirects within the same origin that keep method and body (307, 308) are followed, a few of them; all others are handed
//    back as answers, so that no credential goes elsewhere. Only the identity encoding is asked for; what is compressed all
//    the same is unpacked, up to a limit.
// 5. No credential of a request stands in a fault or in its cause.
import { Fault } from "../kernel/fault.ts";
import type { FaultFacts } from "../kernel/fault.ts";

/** How long to wait, milliseconds. All four run at once where they apply. */
export interface Deadlines {
  /** From the call until the request is being written: waiting for a connection, new or free. */
  readonly connectMs: number;
  /** From the first byte written until the whole head of the answer is here. */
  readonly headersMs: number;
  /** Between two pieces of the body; does not run while the reader is the one who is slow. */
  readonly idleMs: number;
  /** The same before the first word of the answer, which its reader tells by `begun`; `idleMs` where absent. */
  readonly firstWordMs?: number;
  /** From the call until the end of the body. */
  readonly totalMs: number;
}

/** The name of a deadline, as the facts of `upstream.timeout` give it. */
export type DeadlineName = keyof Deadlines;

/** One request to one deployment. */
export interface UpstreamRequest {
  /** A POST when absent; a GET has no body. */
  readonly method?: "GET" | "POST";
  /** Path below the upstream's base URL, beginning with a slash: `/chat/completions`. */
  readonly path: string;
  /** Names in lower case. `content-type` is `application/json` unless given. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  readonly deadlines: Deadlines;
  /** Aborts when no one wants the answer any more. */
  readonly signal: AbortSignal;
}

/** The head of an answer, of any status, and a way to its body: read `body` or call `collect`, once. */
export interface UpstreamAnswer {
  readonly status: number;
  /** Names in lower case; repeated ones joined with a comma. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /**
   * The body, pulled by the reader; leaving the loop cancels.
   * @throws UpstreamFault while it is read, or the signal's reason.
   */
  readonly body: AsyncIterable<Buffer>;
  /**
   * The whole body.
   * @throws UpstreamFault, `upstream.garbled` for more than `maxBytes`; or the signal's reason.
   */
  collect(maxBytes: number): Promise<Buffer>;
  /** The reader has met the first word: from here on silence may last `idleMs`. */
  begun?(): void;
  /** Stops reading and closes the connection; what was read stays read. Harmless when the body has ended. */
  cancel(): void;
}

/** Where calls of one or several deployments go. */
export interface Upstream extends AsyncDisposable {
  /** @throws UpstreamFault, or the signal's reason. */
  send(request: UpstreamRequest): Promise<UpstreamAnswer>;
}

/** What can go wrong between Charter and an upstream. */
export type UpstreamFaultCode = "upstream.failed" | "upstream.timeout" | "upstream.garbled";

/** What a failed attempt means for the next one. */
export interface Retryability {
  /** Another attempt, here or elsewhere, may succeed. Whether the caller has already seen bytes is not known here. */
  readonly retryable: boolean;
  /** The request was at least partly sent, so that it may have been worked on and billed. */
  readonly reachedUpstream: boolean;
  /** The answer had begun, so that the work was most likely done and is billed. */
  readonly hasAnswered?: boolean;
  /** The provider had taken the whole request or begun to answer, so that it may be at work: asking again may be paid again. */
  readonly isAccepted?: boolean;
}

/** A failure of an upstream or of the way to it. */
export class UpstreamFault extends Fault<UpstreamFaultCode> implements Retryability {
  readonly retryable: boolean;
  readonly reachedUpstream: boolean;
  readonly hasAnswered: boolean;
  readonly isAccepted: boolean;

  constructor(
    code: UpstreamFaultCode,
    detail: string,
    retryability: Retryability,
    facts: FaultFacts = {},
    cause?: unknown,
  ) {
    super(code, detail, facts, cause);
    this.retryable = retryability.retryable;
    this.reachedUpstream = retryability.reachedUpstream;
    this.hasAnswered = retryability.hasAnswered === true;
    this.isAccepted = retryability.isAccepted ?? this.hasAnswered;
  }
}

const timeoutDetails: Readonly<Record<DeadlineName, string>> = {
  connectMs: "No connection to the provider could be had in time.",
  headersMs: "The provider did not begin to answer in time.",
  firstWordMs: "The provider accepted the call and did not begin to answer in time.",
  idleMs: "The provider stopped in the middle of its answer.",
  totalMs: "The provider's answer took longer than the call may take.",
};

/** The fault for a deadline that passed. After the total one there is no time left for another attempt. */
export function deadlineFault(
  limit: DeadlineName,
  reachedUpstream: boolean,
  isAccepted = reachedUpstream,
): UpstreamFault {
  const retryability = { retryable: limit !== "totalMs", reachedUpstream, isAccepted };
  return new UpstreamFault("upstream.timeout", timeoutDetails[limit], retryability, { limit });
}

/** The whole of a body. @throws UpstreamFault, `upstream.garbled` for more than `maxBytes`. */
export async function collected(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxBytes) throw oversizeFault();
    pieces.push(piece);
  }
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, size);
}

/** The fault for a body larger than its reader takes. */
export function oversizeFault(): UpstreamFault {
  const retryability = { retryable: false, reachedUpstream: true, isAccepted: true };
  return new UpstreamFault("upstream.garbled", "The provider's answer is larger than Charter takes.", retryability, {
    limit: "maxBytes",
  });
}
