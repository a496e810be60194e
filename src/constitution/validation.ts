// Whether constitution.yaml is what it must be: first its form, by JSON Schema, then what a schema cannot say.
// Every problem carries a place, and an unknown key carries the nearest known one.
import { Ajv2020 } from "ajv/dist/2020.js";
import { nearestName } from "../kernel/nearest.ts";
import schema from "./constitution.schema.json" with { type: "json" };
import type { BandEdge, ConstitutionData, Period } from "./data.ts";
import { parseYaml } from "../kernel/yaml-document.ts";
import type { Path } from "../kernel/yaml-document.ts";
import { formProblems } from "../kernel/yaml-form.ts";
import type { Problem } from "../kernel/problem.ts";

/** The checked data, or what is wrong with it. */
export type CheckedData =
  | { readonly data: ConstitutionData; readonly problems: readonly [] }
  | { readonly data: undefined; readonly problems: readonly Problem[] };

/** Fewest days that any artifact is kept: the predecessor's default. */
const leastArtifactDays = 90;
/** Fewest days for a decision record: six months of Regulation (EU) 2024/1689, article 26(6), counted at its longest. */
const leastDecisionDays = 184;

/** Retention that no constitution may undercut; the ledger is kept seven calendar years. */
const retentionFloors: Readonly<Record<string, Period>> = {
  default: { days: leastArtifactDays },
  decision_record: { days: leastDecisionDays },
  ledger: { years: 7 },
};

/** Fewest days that a number of calendar years can have. */
const fewestDaysInYear = 365;

/** Reads and checks the text of constitution.yaml. Never throws. */
export function checkData(file: string, text: string): CheckedData {
  const document = parseYaml(file, text);
  if (document.problems.length > 0) return { data: undefined, problems: document.problems };
  const validate = new Ajv2020({ allErrors: true, verbose: true, strict: true }).compile<ConstitutionData>(schema);
  const { data } = document;
  if (!validate(data)) {
    const problems = formProblems(document, validate.errors ?? [], "the constitution");
    return { data: undefined, problems };
  }
  const problems = [...meaningProblems(data)].map(({ path, message }) => document.problemAt(path, message));
  return problems.length > 0 ? { data: undefined, problems } : { data, problems: [] };
}

interface Finding {
  readonly path: Path;
  readonly message: string;
}

/** What is wrong though every value has the right form. */
function* meaningProblems(data: ConstitutionData): Generator<Finding> {
  yield* limitProblems(data);
  yield* storageProblems(data);
  yield* gatewayProblems(data);
  yield* keptBodiesProblems(data);
  for (const [name, edges] of Object.entries(data.bands)) yield* bandProblems(name, edges);
  for (const [name, { retentionClass }] of Object.entries(data.products)) {
    if (Object.hasOwn(data.retentionClasses, retentionClass)) continue;
    const nearest = nearestName(retentionClass, Object.keys(data.retentionClasses));
    const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
    yield {
      path: ["products", name, "retentionClass"],
      message: `there is no retention class "${retentionClass}"${hint}`,
    };
  }
  for (const [name, floor] of Object.entries(retentionFloors)) {
    const period = data.retentionClasses[name];
    if (period !== undefined && !isAtLeast(period, floor)) {
      const least = "days" in floor ? `${floor.days} days` : `${floor.years} calendar years`;
      yield { path: ["retentionClasses", name], message: `${name} must be kept at least ${least}` };
    }
  }
  yield* productRetentionProblems(data);
  for (const [i, field] of data.serverFields.entries()) {
    if (data.lockedFields.includes(field)) continue;
    yield { path: ["serverFields", i], message: `"${field}" must also be a locked field` };
  }
}

/** The type of artifact that records a decision. */
const decisionType = "DecisionArtifact";

/** A class of another name is not a way around the floors: what a product keeps its artifacts under is held to them. */
function* productRetentionProblems({ products, retentionClasses }: ConstitutionData): Generator<Finding> {
  for (const [name, { retentionClass, artifactTypes }] of Object.entries(products)) {
    const period = retentionClasses[retentionClass];
    const days = artifactTypes.includes(decisionType) ? leastDecisionDays : leastArtifactDays;
    if (period === undefined || isAtLeast(period, { days })) continue;
    const message = `${name} must keep its artifacts at least ${days} days, and "${retentionClass}" is shorter`;
    yield { path: ["products", name, "retentionClass"], message };
  }
}

function* gatewayProblems({ gateway: { tiers, score } }: ConstitutionData): Generator<Finding> {
  for (const [i, { tier }] of tiers.entries()) {
    if (tier !== i + 1) yield { path: ["gateway", "tiers", i, "tier"], message: `tier ${i + 1} must stand here` };
  }
  const weights = score.compliancePercent + score.reliabilityPercent + score.pricePercent + score.latencyPercent;
  if (weights !== 100) yield { path: ["gateway", "score"], message: "the four weights must add up to 100 percent" };
}

/** A product keeps its calls among its artifacts, so it must be one of their types. */
function* keptBodiesProblems({ products, gateway: { terms } }: ConstitutionData): Generator<Finding> {
  for (const [name, { artifactTypes, models }] of Object.entries(products)) {
    const type = models?.keepBodiesAs === undefined ? terms.keepBodiesAs : models.keepBodiesAs;
    if (type === null || artifactTypes.includes(type)) continue;
    const path = models?.keepBodiesAs === undefined ? ["gateway", "terms"] : ["products", name, "models"];
    const message = `${name} has no artifacts of type "${type}"; name one of ${artifactTypes.join(", ")}, or null`;
    yield { path: [...path, "keepBodiesAs"], message };
  }
}

function* limitProblems({ limits, products }: ConstitutionData): Generator<Finding> {
  const ordered = [
    ["largeArtifactBytes", "artifactMaxBytes"],
    ["metadataFieldMaxBytes", "metadataTotalMaxBytes"],
    ["artifactsPerProductWarn", "artifactsPerProductMax"],
    ["concurrentWritersReopen", "concurrentWritersPause"],
  ] as const;
  for (const [less, more] of ordered) {
    if (limits[less] > limits[more]) yield { path: ["limits", less], message: `${less} must not exceed ${more}` };
  }
  if (Object.keys(products).length > limits.productsMax) {
    yield { path: ["products"], message: `there are more products than limits.productsMax (${limits.productsMax})` };
  }
}

function* storageProblems({ storage }: ConstitutionData): Generator<Finding> {
  for (const [i, { fromPercent, haltsWrites }] of storage.entries()) {
    const previous = storage[i - 1]?.fromPercent;
    const rises = previous === undefined ? fromPercent === 0 : fromPercent > previous;
    if (!rises) yield { path: ["storage", i, "fromPercent"], message: "edges must start at 0 and rise" };
    if (haltsWrites !== (fromPercent === 100)) {
      yield { path: ["storage", i, "haltsWrites"], message: "writes halt at 100 percent and at no other edge" };
    }
  }
  if (storage.at(-1)?.fromPercent !== 100) yield { path: ["storage"], message: "the last edge must be at 100 percent" };
}

function* bandProblems(name: string, edges: readonly BandEdge[]): Generator<Finding> {
  const order = ["YELLOW", "ORANGE", "RED"];
  let previous = -1;
  for (const [i, edge] of edges.entries()) {
    const value = "from" in edge ? edge.from : edge.above;
    if (edge.band !== order[i])
      yield { path: ["bands", name, i, "band"], message: `edge ${i + 1} must be ${order[i]}` };
    if (value <= previous) yield { path: ["bands", name, i], message: "edges must rise" };
    previous = value;
  }
}

function isAtLeast(period: Period, floor: Period): boolean {
  if ("years" in floor) return "years" in period && period.years >= floor.years;
  return ("days" in period ? period.days : period.years * fewestDaysInYear) >= floor.days;
}
