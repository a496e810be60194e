// The gateway's part of the composition root: which drivers stand behind its ports, by the configuration.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Config } from "../config/index.ts";
import type { Constitution } from "../constitution/index.ts";
import type { Budgets } from "../budgets/index.ts";
import { MemoryCache } from "../answer-cache/memory-cache.ts";
import { MemorySemanticIndex } from "../answer-cache/memory-semantic-index.ts";
import { openRedisCache } from "../answer-cache/redis-cache.ts";
import { Fleet, Gateway, observers } from "../gateway/index.ts";
import { openAnalyser } from "../routing/index.ts";
import {
  defaultCatalogueText,
  frontDialects,
  Lookup,
  openPrices,
  readCatalogue,
  simulatedDeployments,
  upstreamDialects,
} from "../models/index.ts";
import { AnswerCache } from "../answer-cache/index.ts";
import type { BodyKeeper } from "../gateway/index.ts";
import type { Upstream } from "../outbound/index.ts";
import type { Provider, SecretSource } from "../models/index.ts";
import { OpenTelemetryObserver } from "../telemetry/opentelemetry-observer.ts";
import type { PrometheusMeter } from "../telemetry/prometheus-meter.ts";
import { PrometheusObserver } from "../telemetry/prometheus-observer.ts";
import { SimulatedUpstream } from "../models/simulated/upstream.ts";
import { UndiciUpstream } from "../outbound/undici-upstream.ts";
import type { Gate } from "../governance/index.ts";
import type { Counter } from "../identity/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { problemText } from "../kernel/problem.ts";
import { parseYaml } from "../kernel/yaml-document.ts";

/** Least cosine of two questions that count as the same. Chosen high: a wrong answer costs more than a missed one. */
const similarityNeeded = 0.97;

/** What the gateway needs of the house. */
interface GatewayHouse {
  readonly config: Config;
  readonly constitution: Constitution;
  readonly gate: Gate;
  readonly counter: Counter;
  readonly budgets: Budgets;
  readonly keeper: BodyKeeper;
  readonly meter: PrometheusMeter;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens the gateway over the catalogue, the prices and the caches that the configuration names. */
export async function openGateway(
  house: GatewayHouse,
  more: {
    readonly variables: Readonly<Record<string, string | undefined>>;
    readonly cacheSecret: Buffer;
    readonly keep: <T extends AsyncDisposable>(resource: T) => T;
  },
): Promise<Gateway> {
  const { config, constitution, clock, log } = house;
  const { gateway: settings, redis } = config;
  const { tiers } = constitution.data.gateway;
  const catalogue = await readCatalogueFile(settings.catalogueFile, more.variables);
  const prices = openPrices({ clock, ...(await priceOverrides(settings.pricesFile)) });
  const isBare = catalogue.providers.every(({ lacks }) => lacks !== undefined);
  const simulates = settings.simulated === "always" || (settings.simulated === "auto" && isBare);
  const far =
    redis.url === "" || settings.cacheBytes === 0
      ? undefined
      : await openRedisCache({ ...redis, secret: more.cacheSecret, log });
  const near = new MemoryCache({ clock, maxBytes: settings.cacheBytes });
  const cache = more.keep(new AnswerCache({ near, ...(far ? { far } : {}), clock, log }));
  const connect = (provider: Provider): Upstream =>
    provider.kind === "simulated"
      ? new SimulatedUpstream()
      : new UndiciUpstream({ baseUrl: provider.baseUrl, connections: provider.connections });
  const lookup = new Lookup(catalogue, simulates ? simulatedDeployments(tiers) : [], tiers);
  const fleet = more.keep(new Fleet({ connect, clock, log }));
  const metrics = more.keep(
    new PrometheusObserver({
      deployments: lookup.deployments.map(({ name }) => name),
      products: Object.keys(constitution.data.products),
      meter: house.meter,
      clock,
      log,
    }),
  );
  metrics.watch({ fleet, deployments: lookup.deployments, cache, budgets: house.budgets });
  const traces =
    settings.traceUrl === ""
      ? []
      : [more.keep(new OpenTelemetryObserver({ url: settings.traceUrl, version: house.version, clock, log }))];
  return new Gateway({
    ...house,
    lookup,
    observer: observers([metrics, ...traces]),
    fleet,
    analyser: openAnalyser(settings.analyser),
    prices,
    cache,
    similar: new MemorySemanticIndex({ threshold: similarityNeeded, log }),
    fronts: frontDialects,
    dialects: upstreamDialects,
    deadlines: {
      connectMs: settings.connectTimeoutMs,
      headersMs: settings.headersTimeoutMs,
      idleMs: settings.idleTimeoutMs,
      totalMs: settings.totalTimeoutMs,
    },
    maxAttempts: settings.maxAttempts,
    maxReplyBytes: settings.maxReplyBytes,
  });
}

/** The catalogue of models that is configured, or the one in the package. */
async function readCatalogueFile(file: string, variables: Readonly<Record<string, string | undefined>>) {
  const secrets: SecretSource = {
    variable: (name) => variables[name],
    file: (path) => readSecret(path),
  };
  if (file === "") return readCatalogue("the built-in catalogue", defaultCatalogueText(), secrets);
  return readCatalogue(file, await readFile(file, "utf8"), secrets);
}

/** The operator's own prices. */
async function priceOverrides(file: string): Promise<{ readonly overrides?: unknown }> {
  if (file === "") return {};
  const { data, problems } = parseYaml(file, await readFile(file, "utf8"));
  if (problems.length > 0) throw new Error(problems.map(problemText).join("\n"));
  return { overrides: data };
}

/** A secret in a file; undefined when there is none. */
function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
