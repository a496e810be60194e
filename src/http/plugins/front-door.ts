// Everything of the front door that is not a route: who may connect and how slowly, how much is taken on, for whom, and how
// it ends. One call puts it in place, in the order in which the parts must see a request.
import type { FastifyInstance } from "fastify";
import { wordsOf } from "../../config/index.ts";
import { answerLate } from "../bare-answer.ts";
import { newRequestId } from "../context.ts";
import type { DoorServices, HttpLimits } from "../services.ts";
import { CallerLoad } from "./caller-load.ts";
import { countBodies } from "./body-budget.ts";
import { allowOrigins } from "./cors.ts";
import { Exchanges } from "./exchanges.ts";
import { measurePressure, shedUnder } from "./pressure.ts";
import { readForwarding } from "./proxies.ts";
import { openRequestIds } from "./request-ids.ts";
import type { RequestIds } from "./request-ids.ts";
import { cutOffSlowClients, limitConnections } from "./slow-clients.ts";

declare module "fastify" {
  interface FastifyInstance {
    frontDoor: FrontDoor;
  }
}

/** The state of the door. */
export interface FrontDoor {
  readonly requestIds: RequestIds;
  readonly exchanges: Exchanges;
  readonly load: CallerLoad;
  /** Why new work should go elsewhere, as one sentence; undefined when it need not. */
  trouble(): string | undefined;
  /** From now on the server is stopping: it says so, and every answer is the last of its connection. */
  beginStop(): void;
}

/** Puts the door in place. Hooks that must run before it, and those that must run after, are added around the call. */
export async function openFrontDoor(app: FastifyInstance, services: DoorServices, limits: HttpLimits): Promise<void> {
  const trustedProxies = wordsOf(limits.trustedProxies);
  const requestIds = openRequestIds(() => newRequestId(services));
  const exchanges = new Exchanges(app.server);
  const pace = { minBytesPerSecond: limits.minBytesPerSecond, windowMs: limits.slowClientWindowMs };
  const slow = cutOffSlowClients(exchanges, pace, ({ request }) =>
    answerLate(services, request.socket, requestIds.of(request)),
  );
  app.addHook("onClose", async () => slow[Symbol.dispose]());
  limitConnections(app.server, limits.maxConnectionsPerAddress, trustedProxies);

  const load = new CallerLoad();
  const pressure = measurePressure(limits, () => load.age());
  let stopping = false;
  app.decorate("frontDoor", {
    requestIds,
    exchanges,
    load,
    trouble() {
      if (stopping) return "the server is stopping";
      return pressure.isHigh ? "the server has more to do than it can" : undefined;
    },
    beginStop() {
      stopping = true;
      exchanges.endConnections();
    },
  });
  readForwarding(app, trustedProxies, wordsOf(limits.allowedHosts));
  await allowOrigins(app, wordsOf(limits.corsOrigins));
  shedUnder(pressure, load, app);
  countBodies(app, limits.jsonBodyBudgetBytes);
}
