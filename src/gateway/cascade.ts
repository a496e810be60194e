// The strategy `cascade`: a cheap model answers first, a verifier looks at the answer, and only when it is not sure a
// stronger model is asked. Everything that was billed on the way counts as the cost of the call.
import { landAnswer } from "./attempts.ts";
import type { AttemptParts, Landed, WholeAnswer } from "./attempts.ts";
import { samples, verdictOn, wholeCall } from "./cascade/index.ts";
import type { EscalationPlan } from "./cascade/index.ts";
import type { ModelCall } from "../models/index.ts";
import type { CallSession } from "./call-session.ts";
import type { FormChecker } from "../structured-output/index.ts";
import { textOf, tokensOfReply } from "../models/index.ts";
import type { AttemptPlan } from "./stages/reserve.ts";

/** The temperature of the replies that are compared; the same reply three times would prove nothing. */
const samplingTemperature = 0.7;

/** An answer from the lowest step that a verifier is content with. @throws What the last step failed with. */
export async function landCascade(
  parts: AttemptParts,
  session: CallSession,
  trial: AttemptPlan,
  { cheap, strong }: EscalationPlan,
): Promise<Landed> {
  if (cheap === undefined) return landAnswer(parts, session, trial);
  // The verifier looks at the form itself.
  const low = { ...trial, candidates: [cheap], enforcesForm: false };
  const replies: WholeAnswer[] = [];
  const ask = async (call: ModelCall): Promise<void> => {
    const landed = await landAnswer(parts, session, { ...low, call: wholeCall(call) });
    if (landed.kind === "whole") replies.push(landed);
  };
  let why = "the cheap model failed";
  try {
    await ask(trial.call);
    let verdict = judge(parts.forms, trial.call, replies);
    if (verdict.kind === "ask_again") {
      const again = sampled(trial.call);
      await Promise.allSettled(Array.from({ length: samples - 1 }, () => ask(again)));
      session.signal.throwIfAborted();
      verdict = judge(parts.forms, trial.call, replies);
    }
    why = verdict.kind === "ask_again" ? "the cheap model did not answer often enough" : verdict.why;
    const chosen = verdict.kind === "sure" ? replies[verdict.chosen] : undefined;
    if (chosen !== undefined) {
      const others = replies.filter((each) => each !== chosen);
      spend(session, others);
      session.because(`cascade: ${cheap.deployment.name} is enough, ${why}`);
      return chosen;
    }
  } catch (error) {
    if (session.signal.aborted) {
      spend(session, replies);
      throw error;
    }
  }
  spend(session, replies);
  session.because(`cascade: asked a stronger model, ${why}`);
  // However often the cheap model was asked, the stronger one has an attempt.
  const maxAttempts = Math.max(parts.maxAttempts, session.progress.attempts + 1);
  return landAnswer({ ...parts, maxAttempts }, session, { ...trial, candidates: strong });
}

/** What the verifier says of the replies so far. */
function judge(forms: FormChecker, call: ModelCall, replies: readonly WholeAnswer[]) {
  const [first] = replies;
  const choice = first?.reply.choices[0];
  const form =
    choice === undefined || call.form.kind === "text" ? undefined : forms.check(textOf(choice.parts), call.form);
  return verdictOn(
    replies.map(({ reply }) => reply),
    form === undefined || form.valid ? undefined : (form.refusals[0]?.reason ?? "it does not hold"),
  );
}

/** Counts replies that are paid for and not used. */
function spend(session: CallSession, replies: readonly WholeAnswer[]): void {
  for (const answer of replies) {
    session.spent(answer.attempt, session.costOf(answer.attempt, answer, tokensOfReply(answer.reply)));
  }
}

/** The call with a temperature at which a model that is not sure says something else. */
function sampled(call: ModelCall): ModelCall {
  return { ...call, raw: { ...call.raw, temperature: samplingTemperature }, temperature: samplingTemperature };
}
