// Headers that go to the provider: of Anthropic's betas, what each changes. Most only allow a parameter that the body must
// then name, and that one is looked at; those are left out of the header, on record, where the terms refuse what they allow.
import type { ParameterEffect } from "../../constitution/index.ts";
import type { ModelCall } from "../conversation.ts";
import { likelyEffects } from "./likely.ts";
import { canonicalName } from "./names.ts";

/** What a beta changes. */
export interface Beta {
  readonly effects: readonly ParameterEffect[];
  /** It changes that by itself, so a call that the terms do not allow it is refused. */
  readonly alone?: true;
}

const betas: ReadonlyMap<string, Beta> = new Map<string, Beta>([
  ["context-1m", { effects: ["price"], alone: true }],
  ["fast-mode", { effects: ["price"], alone: true }],
  ["extended-cache-ttl", { effects: ["price"] }],
  ["fallback-credit", { effects: ["price"] }],
  ["user-profiles-billing", { effects: ["price", "place"] }],
  ["server-side-fallback", { effects: ["model"] }],
  ["advisor-tool", { effects: ["model", "tools"] }],
  ["managed-agents", { effects: ["model", "tools", "retention"] }],
  ["user-profiles", { effects: ["place"] }],
  ["web-search", { effects: ["tools"] }],
  ["web-fetch", { effects: ["tools", "fetch"] }],
  ["code-execution", { effects: ["tools"] }],
  ["skills", { effects: ["tools"] }],
  ["mcp-client", { effects: ["tools", "reach"] }],
  ["mcp-tunnels", { effects: ["reach"] }],
  ["webhooks", { effects: ["reach"] }],
  ["telemetry-destinations", { effects: ["reach"] }],
  ["files-api", { effects: ["retention"] }],
  ["message-batches", { effects: ["retention"] }],
  ["message-threads", { effects: ["retention"] }],
  ["agent-memory", { effects: ["retention"] }],
]);

/** Betas that change how the model answers and nothing else. */
const ordinaryBetas: ReadonlySet<string> = new Set(
  (
    "claude-code oauth interleaved-thinking dev-full-thinking redact-thinking thinking-token-count thinking-display-updates " +
    "thinking-binding-controls context-management model-context-window-exceeded output-128k output-300k computer-use " +
    "structured-outputs effort task-budgets compact token-counting token-efficient-tools fine-grained-tool-streaming " +
    "prompt-caching prompt-caching-scope pdfs cache-diagnosis tool-examples tool-search-tool advanced-tool-use " +
    "mid-conversation-tool-changes mid-conversation-output-config mid-conversation-system-clear-at inline-tools max-tokens-3-5-sonnet"
  ).split(" "),
);

/** What a name of a beta stands for; of one that is not known, what the words in its name speak for. */
export function betaOf(name: string): Beta & { readonly isKnown: boolean } {
  const stem = name.toLowerCase().replace(/-\d{4}-?\d{2}-?\d{2}$/, "");
  const known = betas.get(stem) ?? (ordinaryBetas.has(stem) ? { effects: [] } : undefined);
  if (known !== undefined) return { ...known, isKnown: true };
  return { effects: likelyEffects(canonicalName(stem), stem), isKnown: false };
}

/** The header that names betas. */
export const betaHeader = "anthropic-beta";

/** The betas that a call names in its header, and in a body that repeats them; none in another dialect. */
export function* betasOf({ dialect, raw }: ModelCall, passed: Readonly<Record<string, string>>) {
  if (dialect !== "anthropic-messages") return;
  for (const name of wordsIn(passed[betaHeader])) yield { name, at: betaHeader, inHeader: true };
  for (const field of ["betas", "anthropic_beta"]) {
    const list = raw[field];
    for (const item of Array.isArray(list) ? list : [list]) {
      if (typeof item !== "string") continue;
      for (const name of wordsIn(item)) yield { name, at: `/${field}`, inHeader: false };
    }
  }
}

function wordsIn(list: string | undefined): readonly string[] {
  return (list ?? "").split(",").flatMap((word) => (word.trim() === "" ? [] : [word.trim()]));
}
