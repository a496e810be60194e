// Streams of dialects for tests: reads the text of a stream into pieces, puts pieces together to what a whole reply holds, and
// cuts a whole reply into pieces.
import type { Choice, Finish, Part, Reply, StreamEvent, UpstreamDialect } from "../../../src/models/conversation.ts";
import { SseDecoder } from "../../../src/models/wire/sse.ts";

/** The pieces that a dialect reads in the text of a stream which then closes. */
export function piecesOf(dialect: UpstreamDialect, text: string): StreamEvent[] {
  const decoder = new SseDecoder();
  const reader = dialect.streamReader();
  const blocks = [...decoder.feed(Buffer.from(text, "utf8")), ...decoder.close()];
  const pieces = blocks.flatMap(({ event }) => (event === undefined ? [] : reader.read(event)));
  return [...pieces, ...reader.close()];
}

/** What the pieces of the first choice say together. */
export interface Gathered {
  readonly id: string;
  readonly model: string;
  readonly parts: readonly Part[];
  readonly finish: Finish | undefined;
  readonly usage: Readonly<Record<string, unknown>> | undefined;
  readonly ended: boolean;
}

/** Puts pieces together: neighbouring words of one kind are one part, and a seal ends the reasoning that it seals. */
export function gathered(pieces: readonly StreamEvent[]): Gathered {
  const parts: Part[] = [];
  const slots = new Map<number, number>();
  let [id, model, ended] = ["", "", false];
  let finish: Finish | undefined;
  let usage: Gathered["usage"];
  for (const piece of pieces) {
    const last = parts.at(-1);
    if (piece.kind === "start") [id, model] = [piece.id, piece.model];
    else if (piece.kind === "text" || piece.kind === "refusal") {
      if (last?.kind === piece.kind) parts[parts.length - 1] = { kind: piece.kind, text: last.text + piece.text };
      else parts.push({ kind: piece.kind, text: piece.text });
    } else if (piece.kind === "reasoning") addReasoning(parts, piece);
    else if (piece.kind === "tool_start") {
      slots.set(piece.slot, parts.length);
      parts.push({ kind: "tool_call", id: piece.id, name: piece.name, arguments: "" });
    } else if (piece.kind === "tool_arguments") {
      const index = slots.get(piece.slot)!;
      const call = parts[index] as Extract<Part, { kind: "tool_call" }>;
      parts[index] = { ...call, arguments: call.arguments + piece.text };
    } else if (piece.kind === "finish") finish = piece.finish;
    else if (piece.kind === "usage") usage = piece.raw;
    else if (piece.kind === "end") ended = true;
  }
  return { id, model, parts, finish, usage, ended };
}

function addReasoning(parts: Part[], piece: Extract<StreamEvent, { kind: "reasoning" }>): void {
  const last = parts.at(-1);
  const open = last?.kind === "reasoning" && last.signature === undefined && last.redacted === undefined;
  if (piece.redacted !== undefined) parts.push({ kind: "reasoning", text: "", redacted: piece.redacted });
  else {
    const text = (open ? last.text : "") + piece.text;
    if (open) parts.pop();
    const { signature } = piece;
    parts.push(signature === undefined ? { kind: "reasoning", text } : { kind: "reasoning", text, signature });
  }
}

/** The pieces of a reply with one choice, its words cut into pieces of `size` characters. */
export function cut(reply: Reply, size: number): StreamEvent[] {
  const [choice] = reply.choices as readonly [Choice];
  const pieces: StreamEvent[] = [{ kind: "start", id: reply.id, model: reply.model }];
  let slot = 0;
  for (const part of choice.parts) {
    if (part.kind === "text" || part.kind === "refusal") {
      for (const text of pieceTexts(part.text, size)) pieces.push({ kind: part.kind, choice: 0, text });
    } else if (part.kind === "reasoning") {
      const { signature, redacted } = part;
      for (const text of pieceTexts(part.text, size)) pieces.push({ kind: "reasoning", choice: 0, text });
      if (signature !== undefined) pieces.push({ kind: "reasoning", choice: 0, text: "", signature });
      if (redacted !== undefined) pieces.push({ kind: "reasoning", choice: 0, text: "", redacted });
    } else if (part.kind === "tool_call") {
      pieces.push({ kind: "tool_start", choice: 0, slot, id: part.id, name: part.name });
      for (const text of pieceTexts(part.arguments, size))
        pieces.push({ kind: "tool_arguments", choice: 0, slot, text });
      slot++;
    }
  }
  pieces.push({ kind: "finish", choice: 0, finish: choice.finish });
  const { rawUsage, usage } = reply;
  if (rawUsage !== null)
    pieces.push(usage === null ? { kind: "usage", raw: rawUsage } : { kind: "usage", raw: rawUsage, usage });
  return [...pieces, { kind: "end" }];
}

function pieceTexts(text: string, size: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
  return pieces;
}
