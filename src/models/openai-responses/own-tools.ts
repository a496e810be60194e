// Tools of the Responses API that its caller runs and that have no name and no schema there: shells and patches. Models of other
// APIs are told them as functions, and what they call comes back as the API's own items, whose results become results of functions.
// Arguments that make no such item are given as the call of a function, so that nothing the model said is lost.
import type { OwnForm, Part, ToolOffer } from "../conversation.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject, listIn, textIn } from "../wire/fields.ts";

type Item = Record<string, unknown>;

interface OwnTool {
  readonly description: string;
  readonly parameters: object;
  readonly prefix: string;
  /** The field of an item in which its arguments stand, and what stands in it along with them. */
  readonly field: "action" | "operation";
  readonly fixed: Item;
  /** What an item has other than that. */
  readonly more: Item;
  /** Whether arguments make an item. */
  readonly fits: (words: JsonObject) => boolean;
}

const text = { type: "string" };
const texts = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
const timeout = { type: "integer", description: "Milliseconds after which it is ended." };

const tools: Readonly<Record<OwnForm, OwnTool>> = {
  local_shell: {
    description: "Runs a command on the user's machine, without a shell around it, and gives what it printed.",
    parameters: {
      type: "object",
      properties: {
        command: { type: "array", items: text, description: "The program and its arguments." },
        working_directory: text,
        timeout_ms: timeout,
        env: { type: "object", additionalProperties: text },
      },
      required: ["command"],
    },
    prefix: "lsh",
    field: "action",
    fixed: { type: "exec", env: {} },
    more: {},
    fits: ({ command, env }) => texts(command) && (env === undefined || isObject(env)),
  },
  shell: {
    description: "Runs commands in a shell on the user's machine and gives what each of them printed and how it ended.",
    parameters: {
      type: "object",
      properties: {
        commands: { type: "array", items: text, description: "Commands that are independent of each other." },
        timeout_ms: timeout,
        max_output_length: { type: "integer", description: "Most characters of what each prints." },
      },
      required: ["commands"],
    },
    prefix: "sh",
    field: "action",
    fixed: { timeout_ms: null, max_output_length: null },
    more: { environment: { type: "local" } },
    fits: ({ commands }) => texts(commands),
  },
  apply_patch: {
    description:
      "Creates, updates or deletes one file. `diff` is in the V4A format, without its first and last line: lines of context " +
      "begin with a space, removed ones with -, added ones with +, and @@ begins a stretch; it is left out for a deletion.",
    parameters: {
      type: "object",
      properties: {
        type: { type: "string", enum: ["create_file", "update_file", "delete_file"] },
        path: text,
        diff: text,
      },
      required: ["type", "path"],
    },
    prefix: "apc",
    field: "operation",
    fixed: {},
    more: {},
    fits: ({ type, path, diff }) =>
      typeof path === "string" && (type === "delete_file" || (isFileChange(type) && typeof diff === "string")),
  },
};

function isFileChange(type: unknown): boolean {
  return type === "create_file" || type === "update_file";
}

/** Which of these tools a type names. */
export function ownFormOf(type: unknown): OwnForm | undefined {
  return typeof type === "string" && Object.hasOwn(tools, type) ? (type as OwnForm) : undefined;
}

/** The offer of such a tool; undefined for one that its caller does not run, as a shell in a container. */
export function ownOffer(tool: JsonObject): ToolOffer | undefined {
  const form = ownFormOf(tool["type"]);
  if (form === undefined) return undefined;
  const { environment } = tool;
  if (form === "shell" && !(isObject(environment) && environment["type"] === "local")) return undefined;
  const { description, parameters } = tools[form];
  return { name: form, form, description, parameters };
}

/** A call of such a tool, as an item of the history has it; undefined for any other item, and for a shell that its provider ran. */
export function readOwnCall(item: JsonObject): Extract<Part, { readonly kind: "tool_call" }> | undefined {
  const form = ownFormOf(typeOf(item, "_call"));
  if (form === undefined) return undefined;
  const { [tools[form].field]: said, call_id: id, environment } = item;
  const isElsewhere = form === "shell" && isObject(environment) && environment["type"] !== "local";
  if (!isObject(said) || typeof id !== "string" || isElsewhere) return undefined;
  const words = Object.entries(said).filter(([name, value]) => {
    return value !== null && !(form === "local_shell" && name === "type");
  });
  return { kind: "tool_call", id, name: form, form, arguments: JSON.stringify(Object.fromEntries(words)) };
}

/** What such a tool gave to one of these calls; undefined for any other item. */
export function readOwnResult(item: JsonObject, at: string, calls: ReadonlySet<string>): Part | undefined {
  const form = ownFormOf(typeOf(item, "_call_output"));
  // OpenAI's own types have the call's id in `id` here, its clients in `call_id`.
  const id = [item["call_id"], item["id"]].find((each) => typeof each === "string" && calls.has(each));
  if (form === undefined || typeof id !== "string") return undefined;
  const said = form === "shell" ? JSON.stringify(listIn(item, "output", at) ?? []) : (textIn(item, "output", at) ?? "");
  const isError = item["status"] === "failed";
  return {
    kind: "tool_result",
    id,
    parts: said === "" ? [] : [{ kind: "text", text: said }],
    ...(isError && { isError }),
  };
}

function typeOf({ type }: JsonObject, ending: string): string | undefined {
  return typeof type === "string" && type.endsWith(ending) ? type.slice(0, -ending.length) : undefined;
}

/** The start of the ids of a tool's items. */
export function ownPrefix(form: OwnForm): string {
  return tools[form].prefix;
}

/** The item of a call; undefined for arguments that make none. */
export function ownItem(
  form: OwnForm,
  id: string,
  status: string,
  call: { id: string; arguments: string },
): Item | undefined {
  const { field, fixed, more, fits } = tools[form];
  let words: unknown;
  try {
    words = JSON.parse(call.arguments);
  } catch {
    return undefined;
  }
  if (!isObject(words) || !fits(words)) return undefined;
  return { id, type: `${form}_call`, status, call_id: call.id, ...more, [field]: { ...fixed, ...words } };
}
