// Stage 9: makes of an answer what its caller gets: whole or as a stream, in the caller's dialect, as the guards let it pass. An
// answer that was kept, or is another call's, has been looked through before and costs nothing again.
import type { HeldAnswer, Turn } from "../../answer-cache/index.ts";
import { guardReply } from "../../guards/index.ts";
import type { RawReply } from "../../guards/index.ts";
import { holderOf } from "../../kernel/fair-share.ts";
import { writeInTurns } from "../../kernel/json-turns.ts";
import { noUsage, replyTokensInTurns } from "../../models/index.ts";
import type { Cost, Reply, StreamEvent, Usage } from "../../models/index.ts";
import type { FormChecker } from "../../structured-output/index.ts";
import { parsedReply } from "../attempts.ts";
import type { Landed, WholeAnswer } from "../attempts.ts";
import { stampOf } from "../call-session.ts";
import type { CallSession } from "../call-session.ts";
import { piecesSource } from "../pieces-source.ts";
import { judgeReply, misfitFault, StreamedForm } from "../reply-form.ts";
import { StreamedAnswer } from "../streaming.ts";
import type { StreamParts } from "../streaming.ts";
import { frontOf } from "./read.ts";
import type { Fronts } from "./read.ts";
import { reasonOf } from "./settle.ts";
import type { Delivered, Ending } from "./settle.ts";

/** What delivering needs. */
export interface DeliverParts {
  readonly fronts: Fronts;
  readonly forms: FormChecker;
}

/** An answer that needs no provider: it was kept, or is another call's of the same product. */
export type Shared = Extract<Turn, { readonly kind: "hit" | "follow" }>;

/** Gives an answer the form in which its caller gets it. */
export async function deliver(session: CallSession, answer: Landed | Shared, parts: DeliverParts): Promise<Delivered> {
  if (answer.kind === "whole") return whole(session, answer, parts);
  if (answer.kind === "hit") return held(session, answer.answer, parts);
  if (answer.kind === "follow") return followed(session, answer.pieces, parts);
  const { attempt, deployment, dialect, intake } = answer;
  const asItCame = dialect === session.call.dialect;
  return stream(session, { source: intake, attempt, asItCame, isGuarded: true }, deployment.model, parts);
}

/** An answer that is here as a whole. */
async function whole(session: CallSession, answer: WholeAnswer, parts: DeliverParts): Promise<Delivered> {
  const { attempt, reply } = answer;
  const cost = session.costOf(attempt, answer, await replyTokensInTurns(reply));
  const withheld = (error: unknown): Delivered => {
    return { kind: "withheld", error, ending: { ...cost, model: reply.model, finish: "error" } };
  };
  try {
    return await lookedThrough(session, answer, { cost, withheld }, parts);
  } catch (error) {
    // Whatever goes wrong here, the provider has answered, and bills what it says.
    return withheld(reasonOf(session, error));
  }
}

/** What is known of a whole answer before it is looked through: its cost, and what it is where it may not be given. */
interface Known {
  readonly cost: Cost;
  readonly withheld: (error: unknown) => Delivered;
}

/** The same, as the guards let it pass and in the form asked for. */
async function lookedThrough(
  session: CallSession,
  answer: WholeAnswer,
  { cost, withheld }: Known,
  parts: DeliverParts,
): Promise<Delivered> {
  const { call, prepared } = session;
  const { attempt, deployment, dialect, reply } = answer;
  const isOwn = dialect === call.dialect && !call.stream && answer.body !== undefined;
  const raw = isOwn ? rawOf(answer) : undefined;
  const guarded = await guardReply(reply, prepared.terms.guards, raw, undefined, holderOf(prepared.product));
  session.found(guarded.findings);
  if (guarded.denied !== undefined) return withheld(guarded.denied);
  const priced = { ...guarded.reply, usage: cost.usage };
  const judgement = judgeReply(parts.forms, call.form, priced);
  session.formed(judgement);
  if (judgement?.verdict === "invalid" && session.enforcesForm) return withheld(misfitFault(deployment, judgement));
  session.parts.begun.hold();
  if (call.stream) {
    const how = { source: piecesSource(priced), attempt, asItCame: false, isGuarded: false, isJudged: true };
    return stream(session, how, priced.model, parts);
  }
  const asItCame = isOwn && guarded.reply === reply;
  const body = asItCame
    ? await asCame(session, answer, { guarded: guarded.body, usage: cost.usage }, parts)
    : await written(session, priced, parts);
  session.keep({ reply: priced, deployment: deployment.name, body }, cost);
  return given(session, body, { ...cost, model: reply.model, finish: finishOf(reply) });
}

/** An answer that was kept. */
async function held(session: CallSession, answer: HeldAnswer, parts: DeliverParts): Promise<Delivered> {
  const { begun } = session.parts;
  const { call } = session;
  session.because(`the answer of ${answer.deployment} was kept`);
  await begun.intent;
  begun.hold();
  if (call.stream) return stream(session, shared(piecesSource(answer.pieces())), answer.model, parts);
  const reply = answer.reply();
  const body =
    answer.body === undefined ? await written(session, reply, parts) : await again(session, answer.body, parts);
  session.formed(judgeReply(parts.forms, call.form, reply));
  return given(session, body, { usage: noUsage, microdollars: 0, model: answer.model, finish: finishOf(reply) });
}

/** Another caller's stream of the same product, passed on as it comes. */
async function followed(
  session: CallSession,
  pieces: AsyncIterable<StreamEvent>,
  parts: DeliverParts,
): Promise<Delivered> {
  session.because("the same call was under way");
  const source = piecesSource(pieces);
  try {
    await session.parts.begun.intent;
  } catch (error) {
    source.broke(error);
    throw error;
  }
  return stream(session, shared(source), session.call.model, parts);
}

type Way = Pick<StreamParts, "source" | "attempt" | "asItCame" | "isGuarded"> & {
  /** Its form has been looked at. */
  readonly isJudged?: boolean;
};

function shared(source: StreamParts["source"]): Way {
  return { source, attempt: undefined, asItCame: false, isGuarded: false };
}

function stream(session: CallSession, way: Way, model: string, { fronts, forms }: DeliverParts): Delivered {
  const { form, dialect } = session.call;
  const { isJudged = false, ...how } = way;
  const front = frontOf(fronts, dialect);
  const judged = form.kind === "text" || isJudged ? {} : { form: new StreamedForm(forms, form) };
  return { kind: "stream", model, bytes: new StreamedAnswer({ session, front, ...how, ...judged }) };
}

function given(session: CallSession, body: Buffer, ending: Ending): Delivered {
  session.sent(body);
  return { kind: "whole", body, ending };
}

async function written(session: CallSession, reply: Reply, { fronts }: DeliverParts): Promise<Buffer> {
  const { call } = session;
  return bytesOf(frontOf(fronts, call.dialect).writeReply(call, reply, stampOf(session)));
}

/** A body that answered an earlier call, as its dialect gives it to this one. */
async function again(session: CallSession, body: Buffer, { fronts }: DeliverParts): Promise<Buffer> {
  const { call } = session;
  const front = frontOf(fronts, call.dialect);
  const read = front.reissued && (await parsedReply(body));
  return front.reissued && isRecord(read) ? bytesOf(front.reissued(call, read, stampOf(session))) : body;
}

/** The bytes of a reply in the caller's own dialect: those that came, unless a guard or a mistake of the server changes them. */
async function asCame(
  session: CallSession,
  { bytes, body: came }: WholeAnswer,
  { guarded, usage }: { readonly guarded: object | undefined; readonly usage: Usage },
  { fronts }: DeliverParts,
): Promise<Buffer> {
  const { call } = session;
  const body = guarded ?? came;
  const by = { stamp: stampOf(session), usage };
  const mended = isRecord(body) ? frontOf(fronts, call.dialect).mended?.(call, body, by) : undefined;
  const sent = mended ?? guarded;
  return sent === undefined ? bytes : bytesOf(sent);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a caller of the provider's own dialect gets; vectors are numbers, in which there is nothing to look for. */
function rawOf({ dialect, reply, body }: WholeAnswer): RawReply | undefined {
  return reply.vectors === undefined && typeof body === "object" && body !== null ? { dialect, body } : undefined;
}

async function bytesOf(body: object): Promise<Buffer> {
  const text = await writeInTurns(body);
  return typeof text === "string" ? Buffer.from(text) : text;
}

function finishOf({ choices, vectors }: Reply): string {
  return choices[0]?.finish ?? (vectors === undefined ? "unknown" : "stop");
}
