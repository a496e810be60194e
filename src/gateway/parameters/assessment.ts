// Everything that is decided about the parameters of one call, before anybody is asked.
import type { DataClass, ParameterEffect } from "../../constitution/index.ts";
import type { Fault } from "../../kernel/fault.ts";
import type { DialectName, ModelCall, Service, Use } from "../../models/index.ts";
import { redactSecrets } from "../../guards/index.ts";
import {
  betaHeader,
  betaOf,
  betasOf,
  effectsOfModelName,
  pointerStep,
  readAsked,
  tellsService,
} from "../../models/index.ts";
import { allows, refusalOf, unknownRefusal } from "./policy.ts";
import type { Terms } from "./policy.ts";

/** What was decided about a call's parameters. */
export interface Assessment {
  /** Names of what the call asks for that is policy, each with what it changes. */
  readonly governed: readonly string[];
  readonly effects: ReadonlySet<ParameterEffect>;
  /** Names of the parameters that nothing is known of, fit for the record. */
  readonly unknown: readonly string[];
  /** Names of what is asked of a provider of this dialect whose cost cannot be known beforehand. */
  unpricedFor(dialect: DialectName): readonly string[];
  /** The caller's headers that go to the provider. */
  readonly passed: Readonly<Record<string, string>>;
  /** What is asked of a provider of this dialect that decides the price: another one is not told. */
  askedOf(dialect: DialectName): Service;
  /** Names of what is left out on the way to a provider of this dialect. @param wire What the request does not say. */
  droppedFor(dialect: DialectName, wire?: readonly string[]): readonly string[];
  /** Why the call may not go on. */
  readonly refused: Fault | undefined;
}

/** What is looked at. */
export interface Assessed {
  readonly call: ModelCall;
  readonly passed: Readonly<Record<string, string>>;
  readonly terms: Terms;
  readonly dataClass: DataClass;
  /** The name of the model at its provider where the caller made it up: no deployment of the catalogue has it. */
  readonly unlisted: string | undefined;
}

/** Most names of one kind on record. */
const maxNames = 16;
/** Longest names on record of a parameter and of a beta; keys and tokens are longer. */
const [maxName, maxBeta, maxPlace] = [32, 48, 96];

/**
 * Looks at everything that a call asks of its provider.
 * @throws `dialect.invalid` for another spelling of what Charter decides by.
 */
export function assess({ call, passed, terms, dataClass, unlisted }: Assessed): Assessment {
  const { uses, unknown } = readAsked(call);
  const headers = readHeaders(call, passed, terms, dataClass);
  const named: Use[] = unlisted === undefined ? [] : nameUses(unlisted);
  const all = [...named, ...uses, ...headers.uses];
  const refused = all.reduce<Fault | undefined>((first, use) => first ?? refusalOf(use, terms, dataClass), undefined);
  const [first] = unknown;
  const asked = askedIn(all);
  const costs = [...named, ...uses].filter(isUnpriced);
  const unpriced = bounded(costs.map(({ name }) => name));
  // The model's name is told in every dialect.
  const unpricedAnywhere = bounded(costs.filter(({ at }) => at === "/model").map(({ name }) => name));
  return {
    governed: bounded(all.map(({ name, effects }) => `${name} (${effects.join(", ")})`)),
    effects: new Set(all.flatMap(({ effects }) => effects)),
    unknown: bounded([
      ...unknown.slice(0, maxNames + 1).map((name) => shown(name, maxName)),
      ...headers.unknown.slice(0, maxNames + 1).map((name) => shown(name, maxBeta)),
    ]),
    askedOf: (dialect) => (tellsService(call.dialect, dialect) ? asked : {}),
    // A beta allows something and asks for nothing.
    unpricedFor: (dialect) => (dialect === call.dialect ? unpriced : unpricedAnywhere),
    passed: headers.passed,
    droppedFor: (dialect, wire = []) =>
      dialect === call.dialect
        ? headers.dropped
        : bounded([...wire.slice(0, maxNames + 1).map((name) => shown(name, maxPlace)), ...Object.keys(passed)]),
    refused:
      refused ??
      unknownRefusal(
        [...unknown, ...headers.unknown],
        first === undefined ? betaHeader : `/${pointerStep(first)}`,
        terms,
      ),
  };
}

function nameUses(model: string): Use[] {
  const effects = effectsOfModelName(model);
  if (effects.length === 0) return [];
  return [
    { at: "/model", name: "the model's name", effects, ...(effects.includes("price") && { unpriced: true as const }) },
  ];
}

/** What the betas in a header, and in a body that repeats them, ask for; those that are left out of the header. */
function readHeaders(call: ModelCall, passed: Assessed["passed"], terms: Terms, dataClass: DataClass) {
  const uses: Use[] = [];
  const unknown: string[] = [];
  const dropped: string[] = [];
  const kept: string[] = [];
  for (const { name, at, inHeader } of betasOf(call, passed)) {
    const { effects, alone, isKnown } = betaOf(name);
    if (!isKnown) unknown.push(name);
    if (effects.length > 0) {
      const isAllowed = effects.every((effect) => allows(terms.parameters[effect], dataClass));
      if (!isAllowed && alone !== true && inHeader) {
        dropped.push(name);
        continue;
      }
      uses.push({ at, name: "a beta of the API", effects });
    }
    if (inHeader) kept.push(name);
  }
  const value = passed[betaHeader];
  const same = dropped.length === 0;
  return {
    uses,
    unknown,
    dropped: bounded(dropped.map((name) => shown(name, maxBeta))),
    passed: value === undefined || kept.length === 0 ? {} : { [betaHeader]: same ? value : kept.join(",") },
  };
}

/** Whether the cost of a use is unknown beforehand. Where another model or place may answer, its price is not known. */
function isUnpriced({ unpriced, effects, measure }: Use): boolean {
  return unpriced === true || (measure === undefined && (effects.includes("model") || effects.includes("place")));
}

/** What is asked about the price; several values of one measure are none, since servers differ in which they take. */
function askedIn(uses: readonly Use[]): Service {
  const asked: { -readonly [K in keyof Service]: Service[K] } = {};
  for (const { measure } of uses) {
    if (measure === undefined) continue;
    const before = asked[measure.of];
    asked[measure.of] = before === undefined || before === measure.value ? measure.value : "several";
  }
  return asked;
}

/** Names as a record holds them: few, and each once. */
export function bounded(names: readonly string[]): readonly string[] {
  if (names.length < 2) return names;
  const unique = [...new Set(names)];
  return unique.length <= maxNames ? unique : [...unique.slice(0, maxNames), "and more"];
}

/** A caller's word as a record holds it: a short name that cannot be a secret. */
function shown(name: string, longest: number): string {
  const isName = name.length <= longest && /^[\w$./~ -]+$/.test(name) && redactSecrets(name) === name;
  return isName ? name : "a name that is not shown";
}
