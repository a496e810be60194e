// The strategy `cascade`: a cheap model answers first, a verifier looks at the answer, and only when it is not sure a
// stronger model is asked. Everything that was billed on the way counts as the cost of the call.
import type { AttemptParts, Landed, Trial } from "./attempts.ts";
import { landAnswer } from "./attempts.ts";
import { samples, verdictOn } from "./cascade/index.ts";
import type { ModelCall, Cost } from "../models/index.ts";
import type { Course } from "./course.ts";
import type { FormChecker } from "../structured-output/index.ts";
import type { Candidate } from "./router.ts";
import { textOf } from "../models/index.ts";
import { reserveAhead } from "./reserving.ts";
import { tierFor } from "../routing/index.ts";

/** Who is asked first, and who is asked when that is not enough. */
export interface Ladder {
  readonly cheap: Candidate | undefined;
  readonly strong: readonly Candidate[];
}

/** The temperature of the replies that are compared; the same reply three times would prove nothing. */
const samplingTemperature = 0.7;

type Whole = Extract<Landed, { kind: "whole" }>;

/** Splits ranked candidates: the first is cheap, and strong are those from the tier that the level asks for upwards. */
export function ladderOf(candidates: readonly Candidate[], level: number): Ladder {
  const [cheap] = candidates;
  const wanted = tierFor("balanced", level);
  const strong = candidates.filter(({ deployment }) => deployment.tier >= wanted);
  if (cheap === undefined || strong.includes(cheap) || strong.length === 0)
    return { cheap: undefined, strong: candidates };
  return { cheap, strong };
}

/** An answer from the lowest step that a verifier is content with. @throws What the last step failed with. */
export async function landCascade(
  parts: AttemptParts,
  course: Course,
  trial: Trial,
  level: number,
  { forms, costOf }: { readonly forms: FormChecker; readonly costOf: (answer: Whole) => Cost },
): Promise<Landed> {
  const { cheap, strong } = ladderOf(trial.candidates, level);
  // The cheap model may be asked several times, and a stronger one besides.
  const [next] = strong;
  const first = cheap?.deployment ?? next?.deployment;
  const { room, product, parameters } = course.parts;
  const asked = { ...trial, product, parameters };
  if (first !== undefined) await reserveAhead(parts, room, asked, first, samples);
  if (next !== undefined) await reserveAhead(parts, room, asked, next.deployment, 1);
  if (cheap === undefined) return landAnswer(parts, course, trial);
  // The verifier looks at the form itself.
  const { refusal: _, ...unjudged } = trial;
  const low = { ...unjudged, candidates: [cheap] };
  const replies: Whole[] = [];
  const ask = async (call: ModelCall): Promise<void> => {
    const landed = await landAnswer(parts, course, { ...low, call: wholeCall(call) });
    if (landed.kind === "whole") replies.push(landed);
  };
  let why = "the cheap model failed";
  try {
    await ask(trial.call);
    let verdict = judge(forms, trial.call, replies);
    if (verdict.kind === "ask_again") {
      const again = sampled(trial.call);
      await Promise.allSettled(Array.from({ length: samples - 1 }, () => ask(again)));
      trial.signal.throwIfAborted();
      verdict = judge(forms, trial.call, replies);
    }
    why = verdict.kind === "ask_again" ? "the cheap model did not answer often enough" : verdict.why;
    const chosen = verdict.kind === "sure" ? replies[verdict.chosen] : undefined;
    if (chosen !== undefined) {
      spend(
        course,
        replies.filter((each) => each !== chosen),
        costOf,
      );
      course.reasons.push(`cascade: ${cheap.deployment.name} is enough, ${why}`);
      return chosen;
    }
  } catch (error) {
    if (trial.signal.aborted) {
      spend(course, replies, costOf);
      throw error;
    }
  }
  spend(course, replies, costOf);
  course.reasons.push(`cascade: asked a stronger model, ${why}`);
  // However often the cheap model was asked, the stronger one has an attempt.
  const maxAttempts = Math.max(parts.maxAttempts, course.attempts + 1);
  return landAnswer({ ...parts, maxAttempts }, course, { ...trial, candidates: strong });
}

/** What the verifier says of the replies so far. */
function judge(forms: FormChecker, call: ModelCall, replies: readonly Whole[]) {
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
function spend(course: Course, replies: readonly Whole[], costOf: (answer: Whole) => Cost): void {
  for (const answer of replies) course.charges.spent(answer.attempt, costOf(answer));
}

/** The call as one that is answered whole, so that its answer can be judged before anybody sees it. */
export function wholeCall(call: ModelCall): ModelCall {
  if (!call.stream) return call;
  const { stream: _stream, stream_options: _options, ...raw } = call.raw;
  return { ...call, raw, stream: false };
}

/** The call with a temperature at which a model that is not sure says something else. */
function sampled(call: ModelCall): ModelCall {
  return { ...call, raw: { ...call.raw, temperature: samplingTemperature }, temperature: samplingTemperature };
}
