// The gateway as a domain: calls of models.
import type { AnswerCache } from "../answer-cache/index.ts";
import type { Budgets } from "../budgets/index.ts";
import type { Config } from "../config/index.ts";
import type { Constitution } from "../constitution/index.ts";
import type { Gate } from "../governance/index.ts";
import type { Counter } from "../identity/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Keep, Module } from "../kernel/module.ts";
import { frontDialects, openPrices, upstreamDialects } from "../models/index.ts";
import type { Lookup, Provider } from "../models/index.ts";
import type { Upstream } from "../outbound/index.ts";
import { openAnalyser } from "../routing/index.ts";
import type { BodyKeeper } from "./bodies.ts";
import { gatewayCodes } from "./errors.ts";
import { DeploymentPool } from "../deployments/index.ts";
import { Gateway } from "./gateway.ts";
import type { GatewayParts } from "./gateway.ts";
import { observers } from "./observer.ts";
import type { GatewayObserver } from "./observer.ts";
import { gatewayOperations } from "./operations.ts";
import { parameterCodes } from "./parameters/index.ts";

/** What is watched of a gateway other than its calls. */
export interface Watched {
  readonly fleet: DeploymentPool;
  readonly lookup: Lookup;
  readonly cache: AnswerCache;
  readonly budgets: Budgets;
}

/** The drivers behind the gateway's ports, by the configuration. */
export interface GatewayDrivers {
  readonly lookup: Lookup;
  readonly overrides: Parameters<typeof openPrices>[0]["overrides"];
  readonly cache: AnswerCache;
  readonly similar: GatewayParts["similar"];
  readonly keeper: BodyKeeper;
  readonly connect: (provider: Provider) => Upstream;
  /** Observers of calls, which are shown what else there is to watch. */
  readonly observe: (watched: Watched) => readonly GatewayObserver[];
}

interface Needs {
  readonly config: Config;
  readonly constitution: Constitution;
  readonly gate: Gate;
  readonly counter: Counter;
  readonly room: Budgets;
  readonly gatewayDrivers: GatewayDrivers;
  readonly clock: Clock;
  readonly log: Log;
}

/** Calls of models. */
export const gatewayModule = {
  name: "gateway",
  codes: { ...gatewayCodes, ...parameterCodes },
  operations: gatewayOperations,
  nouns: {
    chat: "Chats, as OpenAI's API has them.",
    message: "Messages, as Anthropic's API has them.",
    response: "Responses, as OpenAI's API has them.",
    embedding: "Embeddings, as OpenAI's API has them.",
    model: "The models there are.",
    route: "Which model would be asked, and why.",
    provider: "Where models run.",
    breaker: "The circuit breakers of the deployments.",
    synthesis: "Checking what a model wrote.",
    injection: "Checking words for injection.",
  },
  open(house: Needs, keep: Keep): { readonly gateway: Gateway } {
    const {
      config: { gateway: settings },
      room: budgets,
      gatewayDrivers: drivers,
      clock,
      log,
    } = house;
    const { lookup, overrides, cache, connect, observe, ...ports } = drivers;
    const fleet = keep(new DeploymentPool({ connect, clock, log }));
    const gateway = new Gateway({
      ...house,
      ...ports,
      budgets,
      lookup,
      cache,
      fleet,
      observer: observers(observe({ fleet, lookup, cache, budgets })),
      analyser: openAnalyser(settings.analyser),
      prices: openPrices({ clock, ...(overrides !== undefined && { overrides }) }),
      fronts: frontDialects,
      dialects: upstreamDialects,
      deadlines: {
        connectMs: settings.connectTimeoutMs,
        headersMs: settings.headersTimeoutMs,
        firstWordMs: settings.headersTimeoutMs,
        idleMs: settings.idleTimeoutMs,
        totalMs: settings.totalTimeoutMs,
      },
      maxAttempts: settings.maxAttempts,
      repeatsAccepted: settings.repeatsAccepted,
      maxReplyBytes: settings.maxReplyBytes,
    });
    return { gateway };
  },
} as const satisfies Module<Needs, { readonly gateway: Gateway }>;
