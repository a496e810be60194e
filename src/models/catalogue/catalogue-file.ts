// Reads a catalogue from YAML or JSON text. Everything wrong with it is said at once, with line and column; secrets come
// from the environment or from files and are never repeated.
import { Ajv2020 } from "ajv/dist/2020.js";
import type { DataClass } from "../../constitution/index.ts";
import { problemText } from "../../kernel/problem.ts";
import type { Problem } from "../../kernel/problem.ts";
import { parseYaml } from "../../kernel/yaml-document.ts";
import type { Path } from "../../kernel/yaml-document.ts";
import { formProblems } from "../../kernel/yaml-form.ts";
import { defaultConcurrency, defaultConnections } from "./catalogue.ts";
import type { ChatApi, Deployment, Provider, ProviderKind, TokenPrice } from "./catalogue.ts";
import schema from "./catalogue.schema.json" with { type: "json" };
import defaultCatalogue from "./default-catalogue.json" with { type: "json" };
import { catalogueFault } from "./errors.ts";
import { familyOf } from "./model-families.ts";
import type { BoundRules } from "./model-families.ts";

/** Where secrets are looked up: a variable's value, or a file's text; undefined when there is none. */
export interface SecretSource {
  variable(name: string): string | undefined;
  file(path: string): string | undefined;
}

/** The providers and deployments that a file describes. */
export interface CatalogueContents {
  readonly providers: readonly Provider[];
  readonly deployments: readonly Deployment[];
}

type Lookup = { readonly env: string } | { readonly file: string };

interface ProviderRow {
  readonly kind: ProviderKind;
  readonly api?: ChatApi;
  readonly baseUrl?: string | { readonly env: string };
  readonly keys?: readonly Lookup[];
  readonly keyless?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly priceProvider?: string;
  readonly pricePercent?: number;
  readonly maxDataClass?: DataClass;
  readonly open?: boolean;
  readonly modelPrefixes?: readonly string[];
  readonly connections?: number;
}

interface DeploymentRow extends Partial<Omit<Deployment, "provider" | "price" | "bounds">> {
  readonly name: string;
  readonly tier: number;
  readonly provider: string;
  readonly model: string;
  readonly latencyMs: number;
  readonly compliancePercent: number;
  readonly price?: TokenPrice | null;
  readonly bounds?: Partial<BoundRules>;
}

interface CatalogueFile {
  readonly providers: Readonly<Record<string, ProviderRow>>;
  readonly deployments: readonly DeploymentRow[];
}

/** The text of the catalogue in the package. */
export function defaultCatalogueText(): string {
  return JSON.stringify(defaultCatalogue, null, 2);
}

/** Reads a catalogue. @throws `catalogue.invalid` with every problem, one a line. */
export function readCatalogue(file: string, text: string, secrets: SecretSource): CatalogueContents {
  const document = parseYaml(file, text);
  refuseWith(document.problems);
  const validate = new Ajv2020({ allErrors: true, verbose: true, strict: true }).compile<CatalogueFile>(schema);
  const { data } = document;
  if (!validate(data)) {
    refuseWith(formProblems(document, validate.errors ?? [], "the catalogue"));
    throw catalogueFault("catalogue.invalid", `${file} is not a catalogue`);
  }
  refuseWith([...meaningProblems(data)].map(({ path, message }) => document.problemAt(path, message)));
  const providers = Object.entries(data.providers).map(([name, row]) => providerOf(name, row, secrets));
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const deployments = data.deployments.flatMap((row) => {
    const provider = byName.get(row.provider);
    return provider === undefined ? [] : [deploymentOf(row, provider)];
  });
  return { providers, deployments };
}

function refuseWith(problems: readonly Problem[]): void {
  if (problems.length > 0) throw catalogueFault("catalogue.invalid", problems.map(problemText).join("\n"));
}

function* meaningProblems(data: CatalogueFile): Generator<{ readonly path: Path; readonly message: string }> {
  for (const [name, row] of Object.entries(data.providers)) {
    if (row.api !== undefined && row.kind !== "openai-compatible") {
      yield { path: ["providers", name, "api"], message: `a provider of kind ${row.kind} has one API only` };
    }
    if (row.kind === "simulated") continue;
    if (row.baseUrl === undefined) yield { path: ["providers", name], message: `${name} lacks a baseUrl` };
    if (row.keys === undefined && row.keyless !== true) {
      yield { path: ["providers", name], message: `${name} lacks keys; say keyless: true when it needs none` };
    }
  }
  const seen = new Set<string>();
  for (const [i, { name, provider }] of data.deployments.entries()) {
    if (!Object.hasOwn(data.providers, provider)) {
      yield { path: ["deployments", i, "provider"], message: `there is no provider "${provider}"` };
    }
    if (seen.has(name)) yield { path: ["deployments", i, "name"], message: `"${name}" stands here twice` };
    seen.add(name);
  }
}

function providerOf(name: string, row: ProviderRow, secrets: SecretSource): Provider {
  const baseUrl = typeof row.baseUrl === "object" ? (secrets.variable(row.baseUrl.env) ?? "") : (row.baseUrl ?? "");
  const keys = (row.keys ?? []).flatMap((place) => secretAt(place, secrets) ?? []);
  return {
    name,
    kind: row.kind,
    ...(row.api !== undefined && { api: row.api }),
    baseUrl: baseUrl.replace(/\/+$/, ""),
    keys,
    headers: row.headers ?? {},
    priceProvider: row.priceProvider ?? name,
    pricePercent: row.pricePercent ?? 100,
    maxDataClass: row.maxDataClass ?? "confidential",
    open: row.open ?? false,
    modelPrefixes: row.modelPrefixes ?? [],
    connections: row.connections ?? defaultConnections,
    lacks: lackOf(row, baseUrl, keys),
  };
}

function secretAt(place: Lookup, secrets: SecretSource): string | undefined {
  const text = ("env" in place ? secrets.variable(place.env) : secrets.file(place.file))?.trim();
  return text === "" ? undefined : text;
}

/** What keeps a provider from being used. */
function lackOf(row: ProviderRow, baseUrl: string, keys: readonly string[]): string | undefined {
  if (row.kind === "simulated") return undefined;
  if (baseUrl === "") {
    return typeof row.baseUrl === "object" ? `${row.baseUrl.env} is not set` : "it has no address";
  }
  if (!/^https?:\/\/[^/]/.test(baseUrl)) return "its address is no http or https URL";
  if (keys.length > 0 || row.keyless === true) return undefined;
  const places = (row.keys ?? []).map((place) => ("env" in place ? place.env : place.file));
  return `no key: ${places.join(" or ")} is not set`;
}

function deploymentOf(row: DeploymentRow, provider: Provider): Deployment {
  const family = familyOf(row.model);
  return {
    name: row.name,
    title: row.title ?? row.name,
    tier: row.tier,
    provider,
    model: row.model,
    serves: row.serves ?? "chat",
    ...(row.api !== undefined && { api: row.api }),
    latencyMs: row.latencyMs,
    compliancePercent: row.compliancePercent,
    price: row.price ?? null,
    contextTokens: row.contextTokens ?? family.contextTokens,
    maxOutputTokens: row.maxOutputTokens ?? family.maxOutputTokens,
    outputLimitField: row.outputLimitField,
    bounds: { ...family.bounds, ...row.bounds },
    images: row.images ?? false,
    tools: row.tools ?? true,
    tags: row.tags ?? [],
    concurrency: row.concurrency ?? defaultConcurrency,
    note: row.note,
  };
}
