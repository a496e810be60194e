// What a product's terms say to what a call asks for.
import { parameterFault } from "./errors.ts";
import { dataClasses, parameterEffects } from "../../constitution/index.ts";
import type { Allowance, DataClass, ModelTerms, ParameterEffect } from "../../constitution/index.ts";
import type { Fault } from "../../kernel/fault.ts";
import { redactSecrets } from "../../guards/index.ts";
import type { Use } from "../../models/index.ts";

/** Terms of parameters. */
export type Terms = Pick<ModelTerms, "parameters" | "unknownParameters">;

/** Why terms refuse something, or undefined when they allow it. */
export function refusalOf(use: Use, { parameters }: Terms, dataClass: DataClass): Fault | undefined {
  const effect = refusedEffect(use, parameters, dataClass);
  if (effect === undefined) return undefined;
  const allowance = parameters[effect];
  const most =
    allowance === "refuse" ? "refuse it" : `allow it with ${allowance} data at most, and the call's are ${dataClass}`;
  return parameterFault("parameter.refused", `${use.name} ${says[effect]}, and the terms ${most}`, {
    at: redactSecrets(use.at),
    policies: ["gateway.terms"],
    limit: `parameters.${effect}`,
    remedy: `${remedies[effect]},${classRemedy(allowance)} or ask an owner to change parameters.${effect} of the product's terms in the constitution`,
  });
}

function classRemedy(allowance: Allowance): string {
  return allowance === "refuse" ? "" : ` name ${allowance} data with X-Charter-Data-Class where that is true,`;
}

/** Whether terms allow an effect with data of a class. */
export function allows(allowance: Allowance, dataClass: DataClass): boolean {
  return allowance !== "refuse" && dataClasses.indexOf(dataClass) <= dataClasses.indexOf(allowance);
}

function refusedEffect(
  { effects }: Pick<Use, "effects">,
  parameters: Terms["parameters"],
  dataClass: DataClass,
): ParameterEffect | undefined {
  return parameterEffects.find((effect) => effects.includes(effect) && !allows(parameters[effect], dataClass));
}

/** The refusal of parameters that nothing is known of; undefined when there are none or the terms let them pass. */
export function unknownRefusal(
  [name, ...others]: readonly string[],
  at: string | undefined,
  { unknownParameters }: Terms,
): Fault | undefined {
  if (name === undefined || unknownParameters === "pass") return undefined;
  const more = others.length === 0 ? "" : `, and of ${others.length} more`;
  return parameterFault("parameter.refused", `nothing is known of this parameter${more}, and the terms refuse such`, {
    ...(at !== undefined && { at: redactSecrets(at) }),
    policies: ["gateway.terms"],
    limit: "unknownParameters",
    remedy: "leave it out, or ask an owner to change unknownParameters of the product's terms in the constitution",
  });
}

const says: Readonly<Record<ParameterEffect, string>> = {
  model: "chooses a model, and which model answers is decided here",
  place: "chooses where or with whose credential a model answers, which is decided here",
  price: "changes the price",
  tools: "has the provider do more than answer",
  fetch: "has the provider read a URL",
  reach: "has the provider hand the call's words to a third party",
  retention: "has the provider keep or use what it was sent",
};

const remedies: Readonly<Record<ParameterEffect, string>> = {
  model: "name one model, or `auto`, a tier or a tag to let the router choose and fail over",
  place: "leave it out, and name a deployment that runs where you want it",
  price: "leave it out",
  tools: "leave it out, or run the tool yourself",
  fetch: "send the bytes themselves in base64",
  reach: "leave it out, call the server yourself, or send bytes in base64",
  retention: "leave it out, and send what is needed with the call",
};
