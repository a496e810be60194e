// Why a request is decided as it is, and what would make it pass. The second half is found by asking again with
// changed circumstances, never by guessing from the policies' text, so that it is as true as the decision itself.
import { callerKinds } from "../kernel/ctx.ts";
import type { CallerKind } from "../kernel/ctx.ts";
import type { ConstitutionData } from "./data.ts";
import { actions } from "./decision.ts";
import type { Action, Decision, DecisionRequest } from "./decision.ts";
import type { Evaluate } from "./engine.ts";
import { allowsType } from "./limits.ts";
import { helpfulValues, unregistered } from "./shape.ts";
import type { Circumstances, Shape, Shaper } from "./shape.ts";

/** An article or policy that determined a decision. */
export interface Determinant {
  readonly id: string;
  readonly kind: "article" | "policy";
  /** The Cedar text. */
  readonly text: string;
  /** One sentence. */
  readonly meaning: string;
}

/** A decision with its reasons and remedies. */
export interface Explanation {
  readonly decision: Decision;
  readonly determining: readonly Determinant[];
  /** Each sentence alone would make this request pass; they are the smallest changes. Empty when it passes or nothing can. */
  readonly passesIf: readonly string[];
  /** What this caller may do instead, with the same resource and circumstances. */
  readonly otherActions: readonly Action[];
  /** Which kinds of caller may do this, with the same resource and circumstances. */
  readonly otherKinds: readonly CallerKind[];
  /** The answer in one or two sentences. */
  readonly summary: string;
  /** What the decision leaves to others: unregistered products, artifact types that are not on the list. */
  readonly notes: readonly string[];
}

/** What an explainer asks. */
export interface ExplainerParts {
  readonly data: ConstitutionData;
  readonly evaluate: Evaluate;
  readonly shaper: Shaper;
  readonly summaries: ReadonlyMap<string, Determinant>;
}

/** One thing that could be different about a request. Changes of one `group` exclude each other. */
interface Change {
  readonly group: string;
  readonly sentence: string;
  readonly fields: (shape: Shape) => Shape;
}

/** Makes `explain` for a constitution. */
export function explainerOf({ data, evaluate, shaper, summaries }: ExplainerParts) {
  return (request: DecisionRequest): Explanation => {
    const notes = notesOn(request, data);
    if (shaper.keyOf(request) === undefined) {
      const reason = "The constitution does not know this kind of caller, action or resource.";
      const decision = { allow: false, articles: [], policies: [], reasons: [reason] };
      return { decision, determining: [], passesIf: [], otherActions: [], otherKinds: [], summary: reason, notes };
    }
    const shape = shaper.shapeOf(request);
    const decision = evaluate(shape);
    const determining = [...decision.articles, ...decision.policies].flatMap((id) => determinantOf(summaries, id));
    const remedies = decision.allow ? [] : smallestRemedies(shape, changesOf(shape, data), evaluate);
    const allows = (variant: Partial<Shape>): boolean => evaluate({ ...shape, ...variant }).allow;
    const otherActions = actions.filter((action) => action !== shape.action && allows({ action }));
    const otherKinds = callerKinds.filter((kind) => kind !== shape.kind && allows({ kind }));
    const passesIf = remedies.map((changes) => changes.map(({ sentence }) => sentence).join(", and "));
    const summary = summaryOf(shape, decision, passesIf, { otherActions, otherKinds });
    return { decision, determining, passesIf, otherActions, otherKinds, summary, notes };
  };
}

function determinantOf(summaries: ReadonlyMap<string, Determinant>, wanted: string): Determinant[] {
  const summary = summaries.get(wanted);
  if (summary === undefined) return [];
  const { id, kind, text, meaning } = summary;
  return [{ id, kind, text, meaning }];
}

const flagSentences = {
  complete: "every required field is present",
  setsLockedField: "the request sets no field that only the server sets",
  hashed: "the server hashes the content",
  halted: "an owner clears the halt",
  exception: "the request asks for no exception",
  ownRequest: "someone who did not make the request approves it",
  ownerApproved: "the owner approves the change",
} as const satisfies Record<keyof Circumstances, string>;

/** Everything that could be different about a request without making it another request. */
function changesOf(shape: Shape, data: ConstitutionData): Change[] {
  const changes: Change[] = [];
  for (const flag of Object.keys(helpfulValues) as (keyof Circumstances)[]) {
    const value = helpfulValues[flag];
    if (shape.context[flag] === value) continue;
    const fields = (from: Shape): Shape => ({ ...from, context: { ...from.context, [flag]: value } });
    changes.push({ group: flag, sentence: flagSentences[flag], fields });
  }
  return [...changes, ...productChangesOf(shape, data)];
}

/** Other products for the resource and the credential, and the grant. The grant comes last, so that it survives the others. */
function productChangesOf(shape: Shape, data: ConstitutionData): Change[] {
  const { principalProduct, resourceProduct } = shape;
  const products = Object.keys(data.products);
  const bound = principalProduct !== null && principalProduct !== unregistered;
  const targets = bound ? [principalProduct] : products;
  const owners = bound ? (resourceProduct === null ? [] : [resourceProduct]) : products;
  const changes: Change[] = [];
  for (const product of targets.filter((target) => target !== resourceProduct)) {
    const agentsMayRead = data.products[product]?.agentsMayRead === true;
    changes.push({
      group: "resource",
      sentence: `the resource belongs to ${product}`,
      fields: (from) => ({ ...from, resourceProduct: product, agentsMayRead }),
    });
  }
  for (const product of owners.filter((owner) => owner !== principalProduct)) {
    changes.push({
      group: "credential",
      sentence: `the credential belongs to ${product}`,
      fields: (from) => ({ ...from, principalProduct: product }),
    });
  }
  if (!shape.agentsMayRead) {
    changes.push({
      group: "grant",
      sentence: "the constitution lets that product's agents read (agentsMayRead: true)",
      fields: (from) => ({ ...from, agentsMayRead: from.resourceProduct !== null }),
    });
  }
  return changes;
}

/** Largest set of changes that is searched; beyond it only "every circumstance at once" is tried. */
const mostChanges = 3;

/** The smallest sets of changes that turn a denial into an allow: all of one size, or none when no set does. */
function smallestRemedies(shape: Shape, changes: readonly Change[], evaluate: Evaluate): Change[][] {
  const passes = (chosen: readonly Change[]): boolean =>
    evaluate(chosen.reduce((changed, { fields }) => fields(changed), shape)).allow;
  for (let size = 1; size <= mostChanges; size++) {
    const passing = choices(changes, size).filter(passes);
    if (passing.length > 0) return passing;
  }
  const flags = changes.filter(({ group }) => Object.hasOwn(helpfulValues, group));
  const others = changes.filter((change) => !flags.includes(change));
  const allAtOnce = [flags, ...others.map((other) => [...flags, other])];
  return allAtOnce.filter(passes).slice(0, 1);
}

/** Every choice of `size` changes with at most one of each group. */
function choices(changes: readonly Change[], size: number): Change[][] {
  if (size === 0) return [[]];
  return changes.flatMap((change, i) =>
    choices(
      changes.slice(i + 1).filter(({ group }) => group !== change.group),
      size - 1,
    ).map((rest) => [change, ...rest]),
  );
}

function summaryOf(
  { kind, action, resourceKind }: Shape,
  { allow, articles }: Decision,
  passesIf: readonly string[],
  { otherActions, otherKinds }: { otherActions: readonly Action[]; otherKinds: readonly CallerKind[] },
): string {
  if (allow) return `Allowed: ${action} on ${resourceKind} by ${kind}.`;
  if (passesIf.length > 0) return `Denied. It passes if ${passesIf.join("; or if ")}.`;
  const by = articles.length > 0 ? `${articles.join(" and ")} ${articles.length > 1 ? "forbid" : "forbids"} it.` : "";
  const instead = otherActions.length > 0 ? `This caller may ${otherActions.join(" or ")} instead.` : "";
  const nothing = "No change of product or circumstances makes it pass";
  const who =
    otherKinds.length > 0
      ? `${nothing} for this kind of caller; ${otherKinds.join(" or ")} may ${action}.`
      : `${nothing}, and no other kind of caller may do it either.`;
  return ["Denied.", by, who, instead].filter((sentence) => sentence !== "").join(" ");
}

function notesOn({ principal, resource }: DecisionRequest, data: ConstitutionData): string[] {
  const notes: string[] = [];
  const registered = (product: string): boolean => Object.hasOwn(data.products, product);
  for (const product of new Set([principal.product, resource.product])) {
    if (product !== null && !registered(product)) notes.push(`The product "${product}" is not registered.`);
  }
  const { product, artifactType } = resource;
  if (
    product !== null &&
    artifactType !== undefined &&
    registered(product) &&
    !allowsType(data, product, artifactType)
  ) {
    const allowed = data.products[product]?.artifactTypes.join(", ") ?? "";
    notes.push(`The depository refuses the type "${artifactType}" for ${product}; its list is ${allowed}.`);
  }
  return notes;
}
