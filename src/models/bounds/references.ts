// What in a call stands for more than its bytes: content that the provider fetches or keeps, and tools that it runs itself. Pure.
//
// 1. A parameter that is in no list counts its bytes. Most change the words alone, and a call that holds a whole budget for one
//    would keep out everyone else; where one does more, the provider's report says so, and the deployment's rules are believed
//    no further (rule-trust.ts).
// 2. Content by reference is bounded by the window of the model; a tool of the provider is not, since each of its turns is
//    billed again.
import type { ModelCall } from "../conversation.ts";

/** How far the bytes of a call bound it: `bytes` altogether, `window` no more than the model's window does, `none` not at all. */
export interface Reach {
  readonly of: "bytes" | "window" | "none";
  readonly why?: string;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ""));

/** Fields of a message; what else it holds may be anything. */
const ofMessages = words(`
  role content name tool_calls tool_call_id function_call refusal reasoning reasoning_content reasoning_details thinking
  annotations cache_control audio prefix partial
`);

/** Names of content that lies with the provider. */
const kept = words(
  "container previous_response_id conversation prompt cached_content cachedContent file_ids documents",
);

/** Parameters by which the provider is told to run tools of its own. */
const providersTools = words("mcp_servers plugins web_search_options search_parameters");

/** Tools whose results the caller sends, although the provider defines them. */
const callersOwnTools = /^(?:custom|function|(?:bash|text_editor|computer|memory)_\d{8}|local_shell|apply_patch)$/;

/** Edits of the context that only take something out of it. */
const clearing = /^clear_/;

/** How far the bytes of a call bound it. */
export function reachOf(call: ModelCall): Reach {
  if (call.dialect === "embeddings") return { of: "bytes" };
  let window: string | undefined;
  for (const pointer of call.untranslated ?? []) {
    const [first = "", second, ...rest] = pointer.slice(1).split("/").map(plainStep);
    if (first === "tools") {
      if (rest.length > 0 || second === undefined) continue;
      const type = toolType(call.raw, Number(second));
      if (!callersOwnTools.test(type)) return { of: "none", why: `the provider runs a tool of type ${type} itself` };
    } else if (second !== undefined && isContent(first)) {
      if (!isSaidInFull(rest)) window ??= `${pointer} lies with the provider`;
    } else if (kept.has(first)) window ??= `/${first} lies with the provider`;
    else if (providersTools.has(first)) return { of: "none", why: `the provider runs tools itself for /${first}` };
  }
  const own = ownReach(call);
  if (own !== undefined) return own;
  window ??= unreadOf(call);
  return window === undefined ? { of: "bytes" } : { of: "window", why: window };
}

/** What the dialects understand and pass on, and yet costs more than it says. */
function ownReach({ raw }: ModelCall): Reach | undefined {
  const { context_management: edits, modalities, prediction } = raw;
  // Rejected words of a prediction are billed beyond any limit, and none may be combined with it; they are written after all.
  if (prediction !== undefined && prediction !== null) {
    return { of: "window", why: "rejected words of /prediction are billed" };
  }
  if (edits !== undefined && edits !== null && !clearsOnly(edits)) {
    return { of: "none", why: "what /context_management costs is not known" };
  }
  if (Array.isArray(modalities) && modalities.some((each) => each !== "text" && each !== "audio")) {
    return { of: "none", why: "what /modalities costs is not known" };
  }
  return undefined;
}

function clearsOnly(management: unknown): boolean {
  const edits = (management as { readonly edits?: unknown } | null)?.edits ?? [];
  return (
    Array.isArray(edits) && edits.every((edit) => clearing.test(String((edit as { type?: unknown } | null)?.type)))
  );
}

/** What no one has looked for in the parts of a call that go upstream as they came. */
function unreadOf({ dialect, raw }: ModelCall): string | undefined {
  const messages = dialect === "openai-chat" ? raw["messages"] : undefined;
  for (const message of Array.isArray(messages) ? (messages as unknown[]) : []) {
    for (const name in message as Record<string, unknown>) {
      if (!ofMessages.has(name)) return `what /${name.slice(0, 64)} of a message costs is not known`;
    }
  }
  return undefined;
}

/** What has no neutral form, but stands in the request with all its words: a speaker's name, another kind of tool call. */
function isSaidInFull(steps: readonly string[]): boolean {
  const last = steps.at(-1);
  return last === "name" || last === "toolset_name" || last === "context" || steps.includes("tool_calls");
}

/** Where the words of a call stand. */
function isContent(first: string): boolean {
  return first === "messages" || first === "system" || first === "input" || first === "instructions";
}

function toolType({ tools }: ModelCall["raw"], index: number): string {
  const tool: unknown = Array.isArray(tools) ? tools[index] : undefined;
  const type = typeof tool === "object" && tool !== null ? (tool as { readonly type?: unknown }).type : undefined;
  return typeof type === "string" ? type.slice(0, 64) : "unknown";
}

function plainStep(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}
