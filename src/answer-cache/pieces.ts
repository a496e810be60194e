// A reply as pieces of a stream and back, so that what was answered whole can be streamed and the other way round.
//
// 1. Joining the pieces of a reply gives the reply back, but for what no piece can carry (`meanLogprob`, and the cuts
//    between neighbouring texts).
// 2. A reply that holds what cannot be streamed (audio, files, vectors) has no pieces.
import type { Choice, Finish, Part, Reply, StreamEvent, Usage } from "../models/index.ts";

/** Whether a piece is something that a caller reads, so that its stream has begun. */
export function isShown(piece: StreamEvent): boolean {
  return piece.kind !== "start" && piece.kind !== "usage" && piece.kind !== "error";
}

/** The pieces of a whole reply, one per part and two per tool call; undefined when it cannot be streamed. */
export function piecesOf(reply: Reply): readonly StreamEvent[] | undefined {
  if (reply.vectors !== undefined) return undefined;
  const pieces: StreamEvent[] = [{ kind: "start", id: reply.id, model: reply.model }];
  for (const [choice, { parts, finish }] of reply.choices.entries()) {
    let slot = 0;
    for (const part of parts) {
      if (part.kind === "tool_call") {
        pieces.push({ kind: "tool_start", choice, slot, id: part.id, name: part.name });
        pieces.push({ kind: "tool_arguments", choice, slot, text: part.arguments });
        slot++;
      } else if (part.kind === "text" || part.kind === "refusal") {
        pieces.push({ kind: part.kind, choice, text: part.text });
      } else if (part.kind === "image") {
        pieces.push({ kind: "image", choice, source: part.source });
      } else if (part.kind === "reasoning") {
        pieces.push({ ...part, choice });
      } else {
        return undefined;
      }
    }
    pieces.push({ kind: "finish", choice, finish });
  }
  if (reply.rawUsage !== null) pieces.push({ kind: "usage", raw: reply.rawUsage });
  pieces.push({ kind: "end" });
  return pieces;
}

/** Most choices that a reply is made of; more than any provider gives. What names a higher one is left out. */
const maxChoices = 128;

/** One choice while its pieces come in. */
interface Draft {
  readonly parts: Part[];
  /** Where the tool call of a slot stands among the parts. */
  readonly slots: Map<number, number>;
  finish: Finish;
}

/** The reply that pieces add up to. @param usage The usage as the gateway has read it. */
export function replyOf(pieces: readonly StreamEvent[], usage: Usage | null): Reply {
  let id = "";
  let model = "";
  let rawUsage: Reply["rawUsage"] = null;
  const drafts: Draft[] = [];
  const draftOf = (choice: number): Draft => {
    let draft = drafts[choice];
    if (draft === undefined) {
      draft = { parts: [], slots: new Map(), finish: "unknown" };
      drafts[choice] = draft;
    }
    return draft;
  };
  for (const piece of pieces) {
    if (piece.kind === "start") ({ id, model } = piece);
    else if (piece.kind === "usage") rawUsage = piece.raw;
    else if (piece.kind === "error" || piece.kind === "end" || !(piece.choice < maxChoices)) continue;
    else if (piece.kind === "finish") draftOf(piece.choice).finish = piece.finish;
    else add(draftOf(piece.choice), piece);
  }
  // A provider may leave a number out; what it never spoke of is an empty choice without a known end.
  const choices: readonly Choice[] = Array.from(drafts, (draft) => draft ?? { parts: [], finish: "unknown" }).map(
    ({ parts, finish }) => ({ parts, finish }),
  );
  return { id, model, choices, rawUsage, usage };
}

/** Adds a piece to the last part when it goes on with it, otherwise as a new one. */
function add(
  { parts, slots }: Draft,
  piece: Extract<StreamEvent, { kind: "text" | "refusal" | "reasoning" | "image" | "tool_start" | "tool_arguments" }>,
): void {
  const at = parts.length - 1;
  const last = parts[at];
  switch (piece.kind) {
    case "text":
    case "refusal":
      if (last?.kind === piece.kind) parts[at] = { ...last, text: last.text + piece.text };
      else parts.push({ kind: piece.kind, text: piece.text });
      return;
    case "reasoning": {
      const { kind, text, signature, redacted } = piece;
      const seal = { ...(signature !== undefined && { signature }), ...(redacted !== undefined && { redacted }) };
      // A sealed piece of reasoning is whole: what follows its seal is the next one.
      const goesOn = last?.kind === "reasoning" && last.signature === undefined && last.redacted === undefined;
      if (goesOn && redacted === undefined) parts[at] = { ...last, text: last.text + text, ...seal };
      else parts.push({ kind, text, ...seal });
      return;
    }
    case "image":
      parts.push({ kind: "image", source: piece.source });
      return;
    case "tool_start":
      slots.set(piece.slot, parts.length);
      parts.push({ kind: "tool_call", id: piece.id, name: piece.name, arguments: "" });
      return;
    case "tool_arguments": {
      const place = slots.get(piece.slot);
      const call = place === undefined ? undefined : parts[place];
      if (place === undefined || call?.kind !== "tool_call") return;
      parts[place] = { ...call, arguments: call.arguments + piece.text };
    }
  }
}
