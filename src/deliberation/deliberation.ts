// A deliberation: one question, thought about in several ways at once, weighed into one answer. Promises:
//
// 1. It is an act: decided before it begins, and its outcome's digest covers all that is answered. Every call that it
//    makes is a separate act, with its own budget and leaves.
// 2. It ends within the watchdog's time, whether or not any model answers. What it then falls back to is the best finished
//    branch or a fixed sentence, and the answer and the record say so.
// 3. It makes at most `callLimit` calls, and those under way when it ends are aborted.
// 4. The harder the host is pressed, the fewer branches and levels it takes, and the cooler they are.
import type { Attempt, Gate } from "../governance/index.ts";
import { seesAll } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { digestOf, digestOfJson } from "../kernel/hash.ts";
import { endOf } from "../kernel/credential.ts";
import { gatewayFault } from "../gateway/index.ts";
import type { CallOptions } from "../gateway/index.ts";
import { branchRecord, safeAnswer } from "./answer.ts";
import type { DeliberationAnswer, DeliberationRecord, FallbackReason } from "./answer.ts";
import { BranchRun } from "./branches.ts";
import type { Branch } from "./branches.ts";
import { callLimit, Calls, unlessAborted } from "./calls.ts";
import { boundTemperature, modeTemperatures } from "./governor.ts";
import type { BranchName } from "./governor.ts";
import { rounded } from "./host.ts";
import type { Host, HostState, Reading } from "./host.ts";
import { askSynthesis } from "./questions.ts";
import { subQuestionReader } from "./sub-questions.ts";
import type { ModelClient } from "./model-client.ts";
import { timerAlarm, Watchdog, watchdogLimits } from "./watchdog.ts";
import type { Alarm, WatchdogLimits } from "./watchdog.ts";

/** What is deliberated. */
export interface Question {
  /** 1 to 10 000 characters. */
  readonly prompt: string;
  /** 0 to 2; the host's mode may lower it. */
  readonly temperature: number;
  /** Most tokens of each call's answer. */
  readonly maxTokens: number;
}

/** What deliberates. */
export interface DeliberationParts {
  readonly gate: Pick<Gate, "act">;
  readonly host: Host;
  /** Makes the client of one deliberation. @throws What refuses the question before it is an act. */
  readonly clientFor: (ctx: Ctx, prompt: string, options: CallOptions) => Promise<ModelClient>;
  readonly alarm?: Alarm;
  readonly limits?: WatchdogLimits;
}

/** What came of the branches and their synthesis. */
interface Conclusion {
  readonly response: string;
  readonly fallback: FallbackReason | null;
}

/** Which finished branch is fallen back to: the one that says least what it does not know comes first. */
const trust: readonly BranchName[] = ["conservative", "recursive", "inversion"];

/** Deliberates. */
export class Deliberation {
  readonly #parts: DeliberationParts;
  readonly #alarm: Alarm;
  readonly #limits: WatchdogLimits;
  readonly #readParts = subQuestionReader();

  constructor(parts: DeliberationParts) {
    this.#parts = parts;
    this.#alarm = parts.alarm ?? timerAlarm;
    this.#limits = parts.limits ?? watchdogLimits;
  }

  /** The host's state; what its sensors measure only for those who may see what all products do. */
  state({ principal }: Ctx): Promise<HostState> {
    return this.#parts.host.state(seesAll(principal));
  }

  /**
   * Deliberates a question.
   * @throws What refuses it: the constitution, a permission or, where every branch was refused, the refusal of the first;
   * `call.aborted` when the caller has gone.
   */
  async process(ctx: Ctx, question: Question, options: CallOptions): Promise<DeliberationAnswer> {
    const startMs = performance.now();
    const client = await this.#parts.clientFor(ctx, question.prompt, options);
    const attempt: Attempt = {
      operation: ctx.operation,
      resource: `deliberation/${ctx.requestId}`,
      action: "CREATE",
      target: { kind: "completion", product: client.product },
      digest: digestOf(question.prompt),
    };
    const done = await this.#parts.gate.act(ctx, attempt, async ({ confirm }) => {
      const value = await this.#deliberate(ctx, client, question, startMs);
      // The answer is the effect.
      await confirm();
      return { value, digest: digestOfJson(value) };
    });
    return { ...done.value, receipt: done.receipt };
  }

  async #deliberate(ctx: Ctx, client: ModelClient, question: Question, startMs: number): Promise<DeliberationRecord> {
    using watchdog = new Watchdog(this.#alarm, this.#limits);
    const reading = await this.#parts.host.read();
    const { governance } = reading;
    const temperature = boundTemperature(question.temperature, governance);
    const maxCalls = callLimit(governance);
    const calls = new Calls(client, maxCalls);
    const over = new AbortController();
    const signal = AbortSignal.any([ctx.signal, over.signal]);
    const { prompt, maxTokens } = question;
    const { depth } = governance;
    const runs = governance.branches.map((name) => {
      const asker = calls.asker({ maxTokens, signal });
      return new BranchRun({ name, question: prompt, temperature, depth, asker, signal, readParts: this.#readParts });
    });
    const branches = await settled(ctx, runs, watchdog);
    for (const { name, error } of branches) {
      if (error !== undefined && !(error instanceof Fault))
        ctx.log.error({ err: error, branch: name }, "a branch broke");
    }
    over.abort(new Error("the branches have had their time"));
    const { response, fallback } = await this.#conclude(ctx, { calls, watchdog, question, temperature, branches });
    return {
      ...stateOf(reading),
      response,
      processing_time_ms: Math.round(performance.now() - startMs),
      request_id: ctx.requestId,
      mode: fallback !== null ? "HAK_LOITER" : governance.branches.includes("recursive") ? "RECURSIVE" : "ZERO_SHOT",
      fallback: fallback !== null,
      fallback_reason: fallback,
      temperature,
      max_depth: depth,
      branches: branches.map(branchRecord),
      calls: calls.used.calls,
      max_calls: maxCalls,
      call_intents: calls.intents,
      tokens: calls.used.tokens,
      cost_microdollars: calls.used.microdollars,
    };
  }

  /** Weighs what the branches have found. */
  async #conclude(
    ctx: Ctx,
    {
      calls,
      watchdog,
      question: { prompt, maxTokens },
      temperature,
      branches,
    }: {
      readonly calls: Calls;
      readonly watchdog: Watchdog;
      readonly question: Question;
      readonly temperature: number;
      readonly branches: readonly Branch[];
    },
  ): Promise<Conclusion> {
    const found = branches.flatMap(({ name, text }) => (text === undefined ? [] : [{ name, text }]));
    found.sort((left, right) => trust.indexOf(left.name) - trust.indexOf(right.name));
    const [best] = found;
    if (best === undefined) {
      refuseIfRefused(branches);
      return { response: safeAnswer, fallback: "no_branch_finished" };
    }
    if (branches.length === 1) return { response: best.text, fallback: null };
    if (found.length === 1) return { response: best.text, fallback: "one_branch_finished" };
    if (watchdog.rang) return { response: best.text, fallback: "synthesis_late" };
    const late = new AbortController();
    void watchdog.all.then(() => late.abort(new Error("the deliberation has had its time")));
    const asker = calls.asker({ maxTokens, signal: AbortSignal.any([ctx.signal, late.signal]) });
    const cool = Math.min(temperature, modeTemperatures.conservative);
    try {
      return { response: await asker.ask(askSynthesis(prompt, found), cool), fallback: null };
    } catch (error) {
      if (ctx.signal.aborted) throw gone(ctx, error);
      if (!watchdog.rang && !(error instanceof Fault)) throw error;
      return { response: best.text, fallback: watchdog.rang ? "synthesis_late" : "synthesis_failed" };
    }
  }
}

/**
 * Waits until every branch has ended, or their time is over and one has finished, or all time is over.
 * @throws `call.aborted` when the caller has gone.
 */
async function settled(ctx: Ctx, runs: readonly BranchRun[], watchdog: Watchdog): Promise<readonly Branch[]> {
  const all = Promise.all(runs.map(({ ended }) => ended)).then(() => {});
  const first = Promise.any(
    runs.map(async (run) => {
      await run.ended;
      if (run.state.text === undefined) throw new Error("the branch has not finished");
    }),
  ).catch(() => all);
  try {
    await unlessAborted(
      Promise.race([all, watchdog.branches.then(() => Promise.race([first, watchdog.all]))]),
      ctx.signal,
    );
  } catch (error) {
    throw ctx.signal.aborted ? gone(ctx, error) : error;
  }
  return runs.map(({ state }) => state);
}

/** Passes on why no branch was let to an answer, unless it is that one was late or that no one could answer. */
function refuseIfRefused(branches: readonly Branch[]): void {
  if (branches.some(({ error }) => error === undefined)) return;
  const refused = branches.find(({ error }) => !(error instanceof Fault && isUnavailable(error.code)));
  if (refused !== undefined) throw refused.error;
}

/** Whether a code says that no one could answer now; the fallback answers in their place. */
function isUnavailable(code: string): boolean {
  return code.startsWith("upstream.") || ["model.busy", "model.unavailable", "call.aborted"].includes(code);
}

/** Why the answer goes unread: the call was ended from here, or its caller has left. */
function gone({ signal }: Ctx, cause: unknown): Fault {
  return endOf(signal) ?? gatewayFault("call.aborted", "the caller has gone", {}, cause);
}

function stateOf({ siliconId, level, thermalState, governance }: Reading) {
  return {
    silicon_id: siliconId,
    consciousness_level: rounded(level),
    thermal_state: thermalState,
    cognitive_mode: governance.mode,
  };
}
