// Stage 2: looks through what is asked: names, parameters and words, against the terms. A refusal is kept for the record.
import { guardCall, refusedNames } from "../../guards/index.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { holderOf } from "../../kernel/fair-share.ts";
import { endOf } from "../../kernel/credential.ts";
import type { Lookup, Wanted } from "../../models/index.ts";
import { gatewayFault } from "../errors.ts";
import { assess } from "../parameters/index.ts";
import type { Asked, Guarded } from "../prepared.ts";
import type { ReadParts } from "./read.ts";

/**
 * A call as the guards let it pass.
 * @throws `guard.denied` for names that no record may hold, `call.aborted` when the caller has gone before they were through.
 */
export async function guard(
  { signal, principal }: Ctx,
  asked: Asked,
  { lookup }: Pick<ReadParts, "lookup">,
): Promise<Guarded> {
  const { call, wanted, isForeign, terms, dataClass, options } = asked;
  const { passed } = options;
  const unlisted = unlistedName(wanted, lookup);
  const refused = isForeign ? undefined : refusedNames({ "/model": unlisted, ...passed }, terms.guards);
  if (refused !== undefined) throw refused;
  const parameters = assess({ call, passed, terms, dataClass, unlisted });
  try {
    const guarded = await guardCall(call, terms.guards, signal, holderOf(principal.product));
    const { findings } = guarded;
    return { ...asked, call: guarded.call, findings, parameters, denied: parameters.refused ?? guarded.denied };
  } catch (error) {
    if (!signal.aborted) throw error;
    throw endOf(signal) ?? gatewayFault("call.aborted", "the caller has gone", {}, error);
  }
}

/** The name of a model at its provider where the caller made it up; undefined for what the catalogue lists. */
function unlistedName(wanted: Wanted, { deployments }: Lookup): string | undefined {
  if (wanted.kind !== "named") return undefined;
  return wanted.deployments.find((each) => !deployments.includes(each))?.model;
}
