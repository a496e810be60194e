// Stage 8: asks the candidates until one answers. Nothing of the answer has been shown when this resolves, and it may be shown.
import { landAnswer } from "../attempts.ts";
import type { AttemptParts, Landed } from "../attempts.ts";
import { replyTokensInTurns } from "../../models/index.ts";
import type { CallSession } from "../call-session.ts";
import { landCascade } from "../cascade.ts";
import type { AttemptPlan } from "./reserve.ts";

/** The first good answer. @throws The last failure, as a fault that a caller may read. */
export async function attempt(session: CallSession, trial: AttemptPlan, parts: AttemptParts): Promise<Landed> {
  const { ladder } = trial;
  const landed = await (ladder === undefined
    ? landAnswer(parts, session, trial)
    : landCascade(parts, session, trial, ladder));
  session.passesOn(landed.attempt);
  const { begun, reservations } = session.parts;
  try {
    // From here on something could be seen, and nothing may be before the intent is durable and what it may cost is kept,
    // nor after what the call rests on has ended.
    await begun.intent;
    await reservations.kept();
    if (landed.kind === "stream") begun.hold();
  } catch (error) {
    if (landed.kind === "stream") landed.intake.broke(error);
    // The whole answer is here, and its provider bills what it says of it.
    else session.spent(landed.attempt, session.costOf(landed.attempt, landed, await replyTokensInTurns(landed.reply)));
    throw error;
  }
  return landed;
}
