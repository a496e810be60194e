// Looks at names that go to a provider outside a call's body: of a model that no catalogue lists, and of betas in a header.
import type { Fault } from "../kernel/fault.ts";
import { guardFault } from "./errors.ts";
import type { GuardPolicy } from "./guard.ts";
import { secretsGuard } from "./secrets.ts";

/**
 * Why a call is refused for a secret in one of its names; undefined when it is not. A name cannot be redacted and stay one, and
 * a call that is refused for its name is not on record under it.
 * @param names By the place where each stands.
 */
export function refusedNames(
  names: Readonly<Record<string, string | undefined>>,
  policy: GuardPolicy,
): Fault | undefined {
  if (policy.secrets !== "redact" && policy.secrets !== "deny") return undefined;
  for (const [at, name] of Object.entries(names)) {
    const [match] = name === undefined ? [] : secretsGuard.scan(name);
    if (match === undefined) continue;
    const { rule, severity, detail } = match;
    return guardFault("guard.denied", `the guard "secrets" found ${detail} in a name`, {
      at,
      policies: ["guards.secrets"],
      findings: [{ threat: `secrets.${rule}`, severity, detail }],
      remedy: "take it out of the name and send the call again",
    });
  }
  return undefined;
}
