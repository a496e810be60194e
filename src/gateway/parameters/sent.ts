// A last look at what is about to be sent: it must be what was decided.
import type { Deployment } from "../catalogue/index.ts";
import type { WireRequest } from "../conversation.ts";
import { canonicalName } from "./names.ts";

/** @throws Error when a request names another model than the deployment's, in whatever spelling. */
export function assertSent({ path, body }: WireRequest, { model, provider }: Deployment): void {
  if (provider.kind === "gemini") {
    const name = model.startsWith("models/") ? model.slice("models/".length) : model;
    if (path.startsWith(`/models/${encodeURIComponent(name)}:`) && !("model" in body)) return;
    throw new Error("the request is for another model than was decided");
  }
  const names = Object.keys(body).filter((key) => canonicalName(key) === "model");
  if (names.length === 1 && names[0] === "model" && body["model"] === model) return;
  throw new Error("the request is for another model than was decided");
}
