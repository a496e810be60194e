// What is measured of identity: credentials that are shown, passwords that are checked, and limits that are counted.
import { codeOf } from "../kernel/fault.ts";
import { diskBuckets, secondsSince } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import { userCodes } from "./users/errors.ts";

/** The sorts of credential. */
const credentialKinds = ["key", "token", "external"] as const;

/** Policies of rate limits that are kept apart; there are ten. */
const maxPolicies = 30;

/** The metrics of credentials of every sort. */
export function credentialMetrics(meter: Meter) {
  const durations = meter.histogram({
    name: "charter_identity_credential_check_duration_seconds",
    help: "Time to find out who shows a credential; `external` is a token of another issuer.",
    unit: "seconds",
    buckets: diskBuckets,
    labels: { kind: credentialKinds },
  });
  const checks = meter.counter({
    name: "charter_identity_credential_checks_total",
    help: "Credentials that were shown, by what they turned out to be; `failed` could not be checked.",
    labels: { kind: credentialKinds, result: ["good", "bad", "failed"] },
  });
  return {
    /** Measures one check, which gives undefined for a credential that is no good. */
    async check<T>(
      kind: (typeof credentialKinds)[number],
      identify: () => Promise<T | undefined>,
    ): Promise<T | undefined> {
      const startMs = performance.now();
      let result: "good" | "bad" | "failed" = "failed";
      try {
        const found = await identify();
        result = found === undefined ? "bad" : "good";
        return found;
      } finally {
        durations.with({ kind }).observe(secondsSince(startMs));
        checks.with({ kind, result }).add();
      }
    },
  };
}

/** The metrics of what is remembered of API keys. */
export function keyCacheMetrics(meter: Meter) {
  const lookups = meter.counter({
    name: "charter_identity_key_lookups_total",
    help: "Look-ups of API keys, by whether the key was in memory.",
    labels: { result: ["hit", "miss"] },
  });
  const [hits, misses] = [lookups.with({ result: "hit" }), lookups.with({ result: "miss" })];
  return {
    lookedUp: (isHit: boolean): void => (isHit ? hits : misses).add(),
  };
}

/** The metrics of usernames and passwords. */
export function signInMetrics(meter: Meter) {
  const durations = meter
    .histogram({
      name: "charter_identity_sign_in_duration_seconds",
      help: "Time to check a username and a password, waiting for earlier checks included.",
      unit: "seconds",
      buckets: diskBuckets,
    })
    .with({});
  const signIns = meter.counter({
    name: "charter_identity_sign_ins_total",
    help: "Usernames and passwords that were checked; `ok`, or the code of the refusal.",
    labels: { outcome: ["ok", ...Object.keys(userCodes)] },
  });
  return {
    /** Measures one check. */
    async signIn<T>(check: () => Promise<T>): Promise<T> {
      const startMs = performance.now();
      let outcome = "ok";
      try {
        return await check();
      } catch (error) {
        outcome = codeOf(error);
        throw error;
      } finally {
        durations.observe(secondsSince(startMs));
        signIns.with({ outcome }).add();
      }
    },
  };
}

/** The metrics of rate limits. */
export function rateMetrics(meter: Meter) {
  const counts = meter.counter({
    name: "charter_identity_rate_limit_checks_total",
    help: "Requests that were counted against a rate limit, by the limit and by whether it admitted them.",
    labels: { policy: { atMost: maxPolicies }, result: ["admitted", "refused"] },
  });
  return {
    counted(policy: string, isAdmitted: boolean): void {
      counts.with({ policy, result: isAdmitted ? "admitted" : "refused" }).add();
    },
  };
}
