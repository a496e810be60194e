// Whether what was decided still holds: asked in memory at any moment, and of the database in the transaction of the effect.
import type { Transaction } from "kysely";
import type { Constitution } from "../constitution/index.ts";
import type { Confirm } from "../db/index.ts";
import type { Lock, CredentialLookup } from "../identity/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { stopGraceMs } from "../kernel/limits.ts";
import { endOf } from "../kernel/credential.ts";
import type { Attempt } from "./attempt.ts";
import { governanceFault } from "./errors.ts";
import type { Halts } from "./halts.ts";
import type { Judge, OpenCall } from "./open-calls.ts";

/** Judges attempts again. */
export interface Holding {
  /** Why a call may not begin anything: its credential has ended, or it was stopped. */
  endOf(ctx: Ctx): Fault | undefined;
  /** Judges an attempt again, under the constitution that is in force now and must still be in force then. */
  judge(ctx: Ctx, attempt: Attempt): Judge;
  /** Judges a call that has not attempted anything yet: it must not lose a permission that it had. */
  judgeCall(ctx: Ctx): Judge;
  /** Judges an attempt in the transaction of its effect. */
  confirmation(ctx: Ctx, attempt: Attempt, judge: Judge, call: OpenCall): Confirm;
}

/** What attempts are judged with. */
export interface HoldingParts {
  readonly constitution: Constitution;
  readonly credentials: Pick<CredentialLookup, "present">;
  readonly halts: Pick<Halts, "refresh">;
  /** What the rules, the halts and the caller's permissions say to an attempt now. */
  readonly refusalOf: (ctx: Ctx, attempt: Attempt) => Fault | undefined;
  readonly permissionRefusal: (ctx: Ctx) => Fault | undefined;
}

/** Judges by the parts of the gate. */
export function holding({ constitution, credentials, halts, refusalOf, permissionRefusal }: HoldingParts): Holding {
  const end = (ctx: Ctx): Fault | undefined => {
    if (ctx.credentialState?.stands(ctx.clock.nowMs()) === false) return credentialEnded();
    return endOf(ctx.signal);
  };
  return {
    endOf: end,
    judge(ctx, attempt) {
      const decidedUnder = constitution.hash;
      return () => {
        const ended = end(ctx);
        if (ended !== undefined) return ended;
        return constitution.hash === decidedUnder ? refusalOf(present(ctx), attempt) : constitutionChanged();
      };
    },
    judgeCall: (ctx) => () => {
      const ended = end(ctx);
      if (ended !== undefined || ctx.credentialState === undefined) return ended;
      return permissionRefusal(ctx) === undefined ? permissionRefusal(present(ctx)) : undefined;
    },
    confirmation(ctx, { target }, judge, call) {
      const lock: Lock = changesAuthority(target) ? "turn" : "share";
      return async <T>(tx?: Transaction<T>): Promise<void> => {
        call.takesEffect();
        const { credentialState } = ctx;
        if (credentialState !== undefined)
          credentialState.see(await credentials.present(credentialState.credential, tx, lock));
        if (tx !== undefined) await halts.refresh(tx);
        const fault = judge();
        if (fault !== undefined) throw fault;
      };
    },
  };
}

/** Whether acts on a target may end what other calls rest on. */
export function changesAuthority({ kind }: Attempt["target"]): boolean {
  return kind !== "artifact" && kind !== "completion";
}

/**
 * Waits for an act, but not for long once its call has been stopped, unless its effect may be taking place. One that is left
 * goes on and changes nothing: what it confirms is refused.
 * @throws Why the call was stopped.
 */
export async function unlessStopped<T>(
  running: Promise<T>,
  signal: AbortSignal,
  takesEffect: () => boolean,
): Promise<T> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const leave = (): void => {
    const end = endOf(signal);
    if (end !== undefined && !takesEffect()) reject(end);
  };
  const onStop = (): void => void (timer = setTimeout(leave, stopGraceMs));
  if (signal.aborted) onStop();
  signal.addEventListener("abort", onStop, { once: true });
  running.catch(() => {});
  try {
    return await Promise.race([running, stopped]);
  } finally {
    signal.removeEventListener("abort", onStop);
    clearTimeout(timer);
  }
}

/** The call as it would be made now. */
function present(ctx: Ctx): Ctx {
  const { credentialState } = ctx;
  return credentialState === undefined || credentialState.principal === ctx.principal
    ? ctx
    : { ...ctx, principal: credentialState.principal };
}

function credentialEnded(): Fault {
  return governanceFault(
    "credential.ended",
    "the credential was revoked, has expired or has lost its owner meanwhile",
    {
      remedy: "send the request again with a credential that is good",
    },
  );
}

function constitutionChanged(): Fault {
  return governanceFault("constitution.changed", "another constitution has come into force meanwhile", {
    remedy: "send the request again",
  });
}
