// What offering a tool asks of the provider.
import type { Json } from "./json.ts";
import { isRecord } from "./json.ts";
import { canonicalName, canonicalType, pointerStep } from "./names.ts";
import { callerToolFields, callerTools, plainFields, serverTools, unknownTool } from "./tool-types.ts";
import type { Use } from "./use.ts";

/** Whether a tool is a function or of another type that the caller runs, with only the fields of such. */
export function isPlainTool(tool: Json): boolean {
  const { type } = tool;
  if (type !== "function" && type !== undefined && type !== "custom") return false;
  for (const key in tool) if (!plainFields.has(key)) return false;
  return true;
}

/** Whether the caller runs a tool of this type. One without a type is a function in the Messages API. */
export function isCallers(tool: Json): boolean {
  const type = typeOf(tool);
  if (type === "namespace") return true;
  // A shell runs where its environment is.
  if (type === "shell") return isRecord(tool["environment"]) && tool["environment"]["type"] === "local";
  return callerTools.has(type);
}

function typeOf(tool: Json): string {
  const { type } = tool;
  if (type === undefined || type === null) return "function";
  return typeof type === "string" ? canonicalType(type) : "unreadable";
}

/** What offering one tool asks for. */
export function* toolUses(tool: Json, at: string): Generator<Use> {
  if (!isCallers(tool)) {
    const type = typeOf(tool);
    const known = serverTools.get(type);
    yield use(
      `${at}/type`,
      known === undefined ? "a tool of an unknown type" : `the tool ${type}`,
      known ?? unknownTool,
    );
    return;
  }
  // Gemini names its own tools by a field, and a server may look there first.
  for (const key of Object.keys(tool)) {
    const name = canonicalName(key);
    const known = callerToolFields.has(name) || tool[key] === null ? undefined : serverTools.get(name);
    if (known !== undefined) yield use(`${at}/${pointerStep(key)}`, `the tool ${name}`, known);
  }
}

function use(at: string, name: string, { effects }: { readonly effects: Use["effects"] }): Use {
  return { at, name, effects, ...(effects.includes("price") && { unpriced: true as const }) };
}

/** The settings of a tool, in which a model or a server may be named: of one that the caller runs, what is not its own. */
export function settingsOf(tool: Json): Json {
  const callers = isCallers(tool);
  return Object.fromEntries(
    Object.entries(tool).filter(([key]) => {
      const name = canonicalName(key);
      return callers ? !callerToolFields.has(name) : name !== "type" && name !== "name" && name !== "userlocation";
    }),
  );
}

/** The tools that a tool holds. */
export function toolsIn(tool: Json): unknown {
  return tool["tools"];
}
