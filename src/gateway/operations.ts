// The operations of the gateway.
import { change, client, modelRead, reachingOut, read } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

/** What can be asked of the gateway. */
export const gatewayOperations = {
  "chat.create": reachingOut(client(change("task.create", "data"))),
  "message.create": reachingOut(client(change("task.create", "data"))),
  "response.create": reachingOut(client(change("task.create", "data"))),
  // Words go to a provider, so a caller that may not call a model may not have them counted either.
  "message.count": client(read("task.create", "data")),
  "response.count": client(read("task.create", "data")),
  "embedding.create": reachingOut(client(change("task.create", "data"))),
  "model.list": client(modelRead()),
  "model.read": client(modelRead()),
  "model.tiers": modelRead(),
  "model.route": modelRead(),
  "model.execute": reachingOut(change("task.create", "data")),
  "route.explain": modelRead(),
  "breaker.list": read("metrics.view"),
  "breaker.reset": change("system.admin"),
  "breaker.reset_all": change("system.admin"),
  "provider.check": change("system.admin"),
  "synthesis.validate": modelRead(),
  "injection.test": modelRead(),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof gatewayOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
