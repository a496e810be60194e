// Room in the budgets for a call, before a provider is asked.
import type { Budgets } from "./budgets/index.ts";
import { outputTokensOf } from "./call-facts.ts";
import { samples } from "./cascade/index.ts";
import { dialectOf } from "./catalogue/index.ts";
import { estimateOf } from "./costing.ts";
import type { Course } from "./course.ts";
import { enforcesForm } from "./prepared.ts";
import type { CallOptions, Prepared } from "./prepared.ts";
import type { Prices } from "./prices/index.ts";

/**
 * Reserves room for the dearest of the candidates that may be tried. `course.kept` resolves when that outlives the process.
 * @throws `budget.insufficient`, `budget.price_unknown`.
 */
export async function reserveRoom(
  {
    prices,
    budgets,
    maxAttempts,
  }: { readonly prices: Prices; readonly budgets: Budgets; readonly maxAttempts: number },
  course: Course,
  { call, product, strategy, request, routed, parameters }: Prepared,
  options: CallOptions,
): Promise<void> {
  const { ctx } = course.parts;
  const tried = routed.candidates.slice(0, maxAttempts);
  let [outputTokens, microdollars] = [0, 0 as number | null];
  for (const { deployment } of tried) {
    const output = request.serves === "embeddings" ? 0 : outputTokensOf(call, deployment.maxOutputTokens);
    outputTokens = Math.max(outputTokens, output);
    const tokens = { inputTokens: request.inputTokens, outputTokens: output };
    const asked = parameters.askedOf(dialectOf(deployment));
    const most = parameters.unpriced.length > 0 ? null : estimateOf(prices, deployment, tokens, asked);
    microdollars = most === null || microdollars === null ? null : Math.max(microdollars, most);
  }
  // A cascade may ask the cheap model several times and a stronger one besides.
  const answers = strategy === "cascade" ? samples + 1 : 1;
  // Replies without their form are paid for as well.
  const times = enforcesForm(call, options) ? Math.max(answers, maxAttempts) : answers;
  const { held, kept } = await budgets.admit({
    product,
    ...(options.project === undefined ? {} : { project: options.project }),
    key: ctx.principal.id,
    model: tried[0]?.deployment.name ?? call.model,
    tokens: times * (request.inputTokens + outputTokens),
    microdollars: microdollars === null ? null : times * microdollars,
  });
  // It is waited for once an answer has landed, and a call may have failed by then.
  kept.catch(() => {});
  [course.reservation, course.kept] = [held, kept];
}
