// The gateway's drivers: caches, connections and observers, and the files that an operator has named.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { AnswerCache } from "../answer-cache/index.ts";
import { MemoryCache } from "../answer-cache/memory-cache.ts";
import { MemorySemanticIndex } from "../answer-cache/memory-semantic-index.ts";
import { openRedisCache } from "../answer-cache/redis-cache.ts";
import type { Config } from "../config/index.ts";
import type { Constitution } from "../constitution/index.ts";
import type { BodyKeeper, GatewayDrivers } from "../gateway/index.ts";
import { systemClock } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Log } from "../kernel/ctx.ts";
import { unasked } from "../kernel/meter.ts";
import type { Keep, Module } from "../kernel/module.ts";
import { problemText } from "../kernel/problem.ts";
import { parseYaml } from "../kernel/yaml-document.ts";
import { defaultCatalogueText, Lookup, openPrices, readCatalogue, simulatedDeployments } from "../models/index.ts";
import type { Deployment, Provider, SecretSource } from "../models/index.ts";
import { SimulatedUpstream } from "../models/simulated/upstream.ts";
import { readProxies } from "../outbound/proxies.ts";
import { UndiciUpstream } from "../outbound/undici-upstream.ts";
import type { Secrets } from "../secrets/index.ts";
import { OpenTelemetryObserver } from "../telemetry/opentelemetry-observer.ts";
import type { PrometheusMeter } from "../telemetry/prometheus-meter.ts";
import { PrometheusObserver } from "../telemetry/prometheus-observer.ts";

/** Least cosine of two questions that count as the same. Chosen high: a wrong answer costs more than a missed one. */
const similarityNeeded = 0.97;

interface Needs {
  readonly config: Config;
  readonly constitution: Constitution;
  readonly secrets: Secrets;
  readonly keeper: BodyKeeper;
  readonly version: string;
  /** The environment, where the catalogue of models finds the keys of providers. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: PrometheusMeter;
}

interface Gives {
  readonly gatewayDrivers: GatewayDrivers;
}

/** The drivers of the gateway. */
export const gatewayDrivers = {
  name: "gateway-drivers",
  metrics: {
    title: "Gateway",
    declare(meter: PrometheusMeter) {
      const observer = new PrometheusObserver({
        deployments: [],
        products: [],
        meter,
        clock: systemClock,
        log: silentLog,
      });
      observer.watch({
        fleet: { breakers: unasked, overallHealthOf: unasked },
        deployments: [],
        cache: { stats: unasked },
        budgets: { state: unasked },
      });
    },
  },
  async open(house: Needs, keep: Keep): Promise<Gives> {
    const { config, constitution, version, clock, log, meter } = house;
    const { traceUrl, pricesFile, proxy } = config.gateway;
    const proxyOf = readProxies(proxy, house.variables);
    const lookup = await openLookup(house);
    const products = Object.keys(constitution.data.products);
    const deployments = lookup.deployments.map(({ name }) => name);
    const metrics = keep(new PrometheusObserver({ deployments, products, meter, clock, log }));
    const traces = traceUrl === "" ? [] : [keep(new OpenTelemetryObserver({ url: traceUrl, version, clock, log }))];
    const gatewayDrivers: GatewayDrivers = {
      lookup,
      overrides: await priceOverrides(pricesFile),
      cache: keep(await openCache(house)),
      similar: new MemorySemanticIndex({ threshold: similarityNeeded, log }),
      keeper: house.keeper,
      connect: (provider) =>
        provider.kind === "simulated" ? new SimulatedUpstream() : upstreamOf(provider, proxyOf(provider.baseUrl)),
      observe({ fleet, cache, budgets }) {
        metrics.watch({ fleet, deployments: lookup.deployments, cache, budgets });
        return [metrics, ...traces];
      },
    };
    return { gatewayDrivers };
  },
} as const satisfies Module<Needs, Gives>;

function upstreamOf({ baseUrl, connections }: Provider, proxy: URL | undefined): UndiciUpstream {
  return new UndiciUpstream({ baseUrl, connections, ...(proxy && { proxy }) });
}

/** The deployments of the catalogue, and the simulated ones where they are wanted. */
async function openLookup({ config, constitution, variables, clock }: Needs): Promise<Lookup> {
  const { catalogueFile, simulated } = config.gateway;
  const { tiers } = constitution.data.gateway;
  const catalogue = await readCatalogueFile(catalogueFile, variables);
  const isBare = catalogue.providers.every(({ lacks }) => lacks !== undefined);
  const simulates = simulated === "always" || (simulated === "auto" && isBare);
  if (!simulates) return new Lookup(catalogue, [], tiers);
  const prices = openPrices({ clock });
  const isPriced = ({ provider, model }: Deployment): boolean => prices.rates(provider.priceProvider, model) !== null;
  return new Lookup(catalogue, simulatedDeployments(tiers), tiers, isPriced);
}

/** A cache in memory, before the one in Redis where there is one. */
async function openCache({ config, secrets, clock, log }: Needs): Promise<AnswerCache> {
  const { cacheBytes } = config.gateway;
  const near = new MemoryCache({ clock, maxBytes: cacheBytes });
  if (config.redis.url === "" || cacheBytes === 0) return new AnswerCache({ near, clock, log });
  const far = await openRedisCache({ ...config.redis, secret: await secrets.bytes("cache.secret"), log });
  return new AnswerCache({ near, far, clock, log });
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
async function priceOverrides(file: string): Promise<unknown> {
  if (file === "") return undefined;
  const { data, problems } = parseYaml(file, await readFile(file, "utf8"));
  if (problems.length > 0) throw new Error(problems.map(problemText).join("\n"));
  return data;
}

/** A secret in a file; undefined when there is none. */
function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
