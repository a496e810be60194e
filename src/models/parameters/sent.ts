// A last look at what is about to be sent: it must be what was decided and what was reserved for.
import { dialectOf } from "../catalogue/index.ts";
import type { Deployment } from "../catalogue/index.ts";
import type { WireRequest } from "../conversation.ts";
import type { Service } from "../prices/index.ts";
import { governedNames } from "./governed.ts";
import { canonicalName } from "./names.ts";

/**
 * @throws Error when a request names another model than the deployment's, in whatever spelling, or asks for a service
 * that nothing was reserved for.
 */
export function assertSent({ path, body }: WireRequest, deployment: Deployment, asked: Service): void {
  const { model } = deployment;
  if (dialectOf(deployment) === "gemini") {
    const name = model.startsWith("models/") ? model.slice("models/".length) : model;
    if (path.startsWith(`/models/${encodeURIComponent(name)}:`) && !("model" in body)) return;
    throw new Error("the request is for another model than was decided");
  }
  let models = 0;
  for (const key of Object.keys(body)) {
    const name = canonicalName(key);
    if (name === "model") models++;
    const measure = governedNames.get(name)?.row.measure;
    if (measure !== undefined && asked[measure] === undefined && !isOrdinary(name, body[key])) {
      throw new Error("the request asks for a service that was not priced");
    }
  }
  if (models !== 1 || body["model"] !== model) throw new Error("the request is for another model than was decided");
}

function isOrdinary(name: string, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  const ordinary = governedNames.get(name)?.row.ordinary ?? [];
  const items = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  return items.every((item) => typeof item === "string" && ordinary.includes(item.toLowerCase()));
}
