// A digest over everything in a call that can change its answer, so that equal calls meet and different ones never do.
//
// 1. Whatever Charter does not know stays in the digest: an unknown parameter can only cause a miss, never a wrong hit.
// 2. The order of keys does not matter, that of lists does; absent differs from null.
// 3. A call whose answer changes something at the provider, or is not there yet, has no digest and is never cached.
import { sha256Hex } from "../kernel/hash.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { isLarge } from "../kernel/json-writer.ts";
import { frontDialects } from "../models/index.ts";
import type { ModelCall } from "../models/index.ts";
import { contentOf } from "./body-digests.ts";
import type { ContentDigest } from "./body-digests.ts";

/** SHA-256 of a call in canonical form, 64 hex digits. */
export type CanonicalCall = string & { readonly __canonicalCall: true };

/** What stands outside the body and decides the answer too: the routing's choices, headers that change the model's behaviour. */
export type CallCircumstances = Readonly<Record<string, string>>;

/** The digest of a call; undefined for a call that must not be cached. @param content Of its body, where it is known. */
export function canonicalCall(
  call: ModelCall,
  circumstances: CallCircumstances,
  content?: ContentDigest,
): CanonicalCall | undefined {
  if (isStateful(call.raw)) return undefined;
  return digestOf("call", call, circumstances, content ?? contentOf(call.raw));
}

/** A call cut in two: the words of the last turn, and all the rest. */
export interface SemanticParts {
  /** Digest of everything but the text. */
  readonly frame: CanonicalCall;
  readonly text: string;
}

/** Longest call that is cut, characters: a question behind so many words has no like. */
const maxSemanticChars = 256 * 1024;

/**
 * Cuts the text of the last turn out of a call, where that turn is a user's and its last piece is text. Undefined for
 * any other call: those can be compared only as a whole.
 */
export function semanticParts(call: ModelCall, circumstances: CallCircumstances): SemanticParts | undefined {
  if (isStateful(call.raw) || isLarge(call.raw, maxSemanticChars)) return undefined;
  const field = frontDialects[call.dialect]?.turnsField;
  if (field === undefined) return undefined;
  const cut = cutTurns(call.raw[field]);
  if (cut === undefined) return undefined;
  const frame = digestOf("frame", call, circumstances, contentOf({ ...call.raw, [field]: cut.rest }));
  return { frame, text: cut.text };
}

/** Whether the call adds to a conversation that the provider keeps, or is answered before it is done. */
function isStateful(raw: ModelCall["raw"]): boolean {
  return isGiven(raw["conversation"]) || raw["background"] === true;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function digestOf(
  kind: string,
  { dialect }: ModelCall,
  circumstances: CallCircumstances,
  content: ContentDigest,
): CanonicalCall {
  return sha256Hex(canonicalJson([kind, dialect, circumstances, content])) as CanonicalCall;
}

/** The turns without the text of the last one. */
function cutTurns(turns: unknown): { readonly rest: unknown; readonly text: string } | undefined {
  if (typeof turns === "string") return { rest: null, text: turns };
  if (!Array.isArray(turns)) return undefined;
  const last: unknown = turns.at(-1);
  if (!isRecord(last) || last["role"] !== "user") return undefined;
  const { content } = last;
  const before = turns.slice(0, -1) as unknown[];
  if (typeof content === "string") return { rest: [...before, { ...last, content: null }], text: content };
  if (!Array.isArray(content)) return undefined;
  const piece: unknown = content.at(-1);
  if (!isRecord(piece) || (piece["type"] !== "text" && piece["type"] !== "input_text")) return undefined;
  if (typeof piece["text"] !== "string") return undefined;
  const pieces = [...(content.slice(0, -1) as unknown[]), { ...piece, text: null }];
  return { rest: [...before, { ...last, content: pieces }], text: piece["text"] };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
