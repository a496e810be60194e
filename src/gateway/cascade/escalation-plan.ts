// Who is asked first, and who is asked when that is not enough. Pure.
import { tierFor } from "../../routing/index.ts";
import type { ModelCall } from "../../models/index.ts";
import type { Candidate } from "../router.ts";

/** Who is asked first, and who is asked when that is not enough. */
export interface EscalationPlan {
  readonly cheap: Candidate | undefined;
  readonly strong: readonly Candidate[];
}

/** Splits ranked candidates: the first is cheap, and strong are those from the tier that the level asks for upwards. */
export function ladderOf(candidates: readonly Candidate[], level: number): EscalationPlan {
  const [cheap] = candidates;
  const wanted = tierFor("balanced", level);
  const strong = candidates.filter(({ deployment }) => deployment.tier >= wanted);
  if (cheap === undefined || strong.includes(cheap) || strong.length === 0)
    return { cheap: undefined, strong: candidates };
  return { cheap, strong };
}

/** The call as one that is answered whole, so that its answer can be judged before it is shown. */
export function wholeCall(call: ModelCall): ModelCall {
  if (!call.stream) return call;
  const { stream: _stream, stream_options: _options, ...raw } = call.raw;
  return { ...call, raw, stream: false };
}
