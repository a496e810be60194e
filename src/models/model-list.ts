// The list of models that a provider gives of itself: how it is asked for, and what is read of it. Pure.
import { messagesVersion } from "./anthropic-messages/request.ts";
import { dialectOf } from "./catalogue/catalogue.ts";
import type { Deployment, Provider } from "./catalogue/catalogue.ts";
import { isObject } from "./wire/fields.ts";

/** A request without a body; its path is below the provider's base URL. */
export interface ListRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A model by its name at the provider. */
export interface OfferedModel {
  readonly model: string;
  readonly serves: Deployment["serves"];
}

/** How a provider is asked for so many of its models; an API without pages gives all of them. */
export function listRequestOf(provider: Provider, most: number): ListRequest {
  switch (dialectOf({ provider, serves: "chat" })) {
    case "anthropic-messages":
      return { path: `/models?limit=${most}`, headers: messagesVersion };
    case "gemini":
      return { path: `/models?pageSize=${most}`, headers: {} };
    default:
      return { path: "/models", headers: {} };
  }
}

/** What a model of which only the name is known most likely does. */
export function servesByName(name: string): Deployment["serves"] {
  return /embed/i.test(name) ? "embeddings" : "chat";
}

/** The models in a provider's list, at most so many; undefined where it is no list. Rows that are none are left out. */
export function readModelList(body: unknown, most: number): readonly OfferedModel[] | undefined {
  // Some servers give the rows alone.
  const rows = isObject(body) ? (body["data"] ?? body["models"]) : body;
  if (!Array.isArray(rows)) return undefined;
  const found = new Map<string, OfferedModel>();
  for (const row of rows) {
    if (found.size >= most) break;
    const offered = isObject(row) ? offeredIn(row) : undefined;
    if (offered !== undefined && !found.has(offered.model)) found.set(offered.model, offered);
  }
  return [...found.values()];
}

function offeredIn(row: Readonly<Record<string, unknown>>): OfferedModel | undefined {
  const named = row["id"] ?? row["name"];
  if (typeof named !== "string" || named.trim() !== named || named === "") return undefined;
  // A name goes into terminals and logs.
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(named)) return undefined;
  const model = row["id"] === undefined ? named.replace(/^models\//, "") : named;
  const methods = row["supportedGenerationMethods"];
  if (!Array.isArray(methods)) return { model, serves: servesByName(model) };
  if (methods.includes("generateContent")) return { model, serves: "chat" };
  return methods.includes("embedContent") ? { model, serves: "embeddings" } : undefined;
}
