// Looks at what a frame of a stream holds other than the words that are being said: names, sources, and fields that Charter does
// not know. Words are looked at by `stream-guard.ts`, across frames; what stands here is looked at frame by frame.
//
// 1. A frame in which nothing is found passes as it came.
// 2. What repeats from frame to frame, such as the reply's id, is looked at once.
// 3. Seals are looked at and never changed: where the policy would take something out of one, the stream is refused.
import { parseLossless } from "../kernel/json-exact.ts";
import { isRawNumber } from "../kernel/json-number.ts";
import { BoundedMap } from "../kernel/bounded-map.ts";
import type { Fault } from "../kernel/fault.ts";
import { maxCallDepth } from "../kernel/limits.ts";
import type { StreamEvent } from "../models/index.ts";
import { guardFault } from "./errors.ts";
import { guards } from "./guard-list.ts";
import { redacted } from "./guard.ts";
import type { Guard, GuardAction, GuardFinding, GuardPolicy, Match } from "./guard.ts";
import { looksSealed } from "../models/index.ts";
import { secretsInBytes } from "./secrets.ts";
import { atOnce, TimeSlice, sliceChars } from "./stretch.ts";

/** Shorter texts hold nothing that a rule matches. */
const shortestChars = 6;
/** How many texts are remembered in which nothing was found, and how long they may be. */
const maxRemembered = 256;
const maxRememberedChars = 1024;
/** Fields in which providers send seals. */
const sealNames: ReadonlySet<string> = new Set([
  "signature", "data", "thought_signature", "encrypted_content", "encrypted_index", "encrypted_stdout",
]); // prettier-ignore
const at = "/raw";

/** A frame as it may pass. */
export interface GuardedFrame {
  readonly raw?: Buffer;
  readonly pieces: readonly StreamEvent[];
  readonly findings: readonly GuardFinding[];
  readonly denied?: Fault;
}

/** A guard of frames; undefined when the policy looks for nothing. */
export function frameGuard(policy: GuardPolicy): FrameGuard | undefined {
  const looking = guards.filter(({ name }) => policy[name] !== "off");
  return looking.length === 0 ? undefined : new FrameGuard(looking, policy);
}

/** Looks at the frames of one stream. */
export class FrameGuard {
  readonly #looking: readonly Guard[];
  readonly #policy: GuardPolicy;
  readonly #clean = new BoundedMap<string, true>(maxRemembered);
  #findings: GuardFinding[] = [];
  #said: ReadonlySet<string> = new Set();

  constructor(looking: readonly Guard[], policy: GuardPolicy) {
    this.#looking = looking;
    this.#policy = policy;
  }

  /** @param raw The frame's bytes, where they pass as they came. @param text The same as text, where it is known. */
  look(raw: Buffer | undefined, pieces: readonly StreamEvent[], text?: string): GuardedFrame {
    this.#findings = [];
    const nextPieces = pieces.map((piece) => this.#piece(piece));
    const next = raw === undefined ? undefined : this.#frame(raw, text ?? raw.toString("utf8"), pieces);
    const findings = this.#findings;
    const denied = this.#denied();
    return {
      ...(next === undefined ? {} : { raw: next }),
      pieces: nextPieces.every((piece, i) => piece === pieces[i]) ? pieces : nextPieces,
      findings,
      ...(denied && { denied }),
    };
  }

  #piece(piece: StreamEvent): StreamEvent {
    if (piece.kind === "start") {
      const [id, model] = [this.#text(piece.id), this.#text(piece.model)];
      return id === piece.id && model === piece.model ? piece : { ...piece, id, model };
    }
    if (piece.kind !== "tool_start") return piece;
    const [id, name] = [this.#text(piece.id), this.#text(piece.name)];
    return id === piece.id && name === piece.name ? piece : { ...piece, id, name };
  }

  #frame(raw: Buffer, frame: string, pieces: readonly StreamEvent[]): Buffer {
    const bare = withoutWords(frame, pieces);
    if (this.#clean.get(bare)) return raw;
    const before = this.#findings.length;
    const next = this.#rewritten(raw, frame, pieces);
    if (this.#findings.length === before) this.#remember(bare);
    return next;
  }

  #rewritten(raw: Buffer, frame: string, pieces: readonly StreamEvent[]): Buffer {
    const lines = frame.split(/\r\n|\r|\n/);
    const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).replace(/^ /, ""));
    const others = lines.filter((line) => line !== "" && !line.startsWith("data:"));
    const nextOthers = others.map((line) => this.#text(line));
    const isOther = nextOthers.some((line, i) => line !== others[i]);
    const text = data.join("\n");
    const value = parsed(text);
    let nextText: string;
    if (typeof value === "object" && value !== null) {
      this.#said = wordsOf(pieces);
      const next = this.#value(value, "", 0);
      nextText = next === value ? text : JSON.stringify(next);
    } else nextText = text === "" || text === "[DONE]" ? text : this.#text(text);
    if (!isOther && nextText === text) return raw;
    const all = [...nextOthers, ...(data.length === 0 ? [] : nextText.split("\n").map((line) => `data: ${line}`))];
    return Buffer.from(`${all.join("\n")}\n\n`);
  }

  #value(value: unknown, key: string, depth: number): unknown {
    if (typeof value === "string") return this.#said.has(value) ? value : this.#text(value, key);
    if (typeof value !== "object" || value === null || isRawNumber(value) || depth > maxCallDepth) return value;
    if (Array.isArray(value)) {
      const next = value.map((item: unknown) => this.#value(item, "", depth + 1));
      return next.every((item, i) => item === value[i]) ? value : next;
    }
    let changed = false;
    const entries = Object.entries(value).map(([name, item]: [string, unknown]): [string, unknown] => {
      const next: [string, unknown] = [this.#text(name), this.#value(item, name, depth + 1)];
      changed ||= next[0] !== name || next[1] !== item;
      return next;
    });
    return changed ? Object.fromEntries(entries) : value;
  }

  #text(text: string, key = ""): string {
    if (text.length < shortestChars || this.#clean.get(text)) return text;
    const before = this.#findings.length;
    const next = sealNames.has(key) && looksSealed(text) ? this.#seal(text) : this.#words(text);
    if (this.#findings.length === before) this.#remember(text);
    return next;
  }

  #remember(text: string): void {
    if (text.length <= maxRememberedChars) this.#clean.set(text, true);
  }

  #words(text: string): string {
    let current = text;
    for (const guard of this.#looking) {
      // Bytes of pictures and sounds are longer than what is said in one frame.
      const matches = text.length > sliceChars ? strictly(guard, current) : guard.scan(current);
      if (this.#note(guard, matches) === "redact") current = atOnce(redacted(current, matches, new TimeSlice()));
    }
    return current;
  }

  #seal(text: string): string {
    for (const guard of this.#looking) this.#note(guard, strictly(guard, text), false);
    return text;
  }

  #note(guard: Guard, matches: readonly Match[], canRewrite = true): GuardAction {
    const wanted = this.#policy[guard.name];
    if (matches.length === 0 || wanted === "off") return "off";
    const action = wanted === "redact" && !canRewrite ? "deny" : wanted;
    for (const { rule, severity, detail } of matches) {
      this.#findings.push({ guard: guard.name, rule, severity, action, at, detail });
    }
    return action;
  }

  #denied(): Fault | undefined {
    const first = this.#findings.find(({ action }) => action === "deny");
    if (first === undefined) return undefined;
    const { guard, rule, severity, detail } = first;
    return guardFault("guard.denied", `the guard "${guard}" found ${detail} in the reply`, {
      at,
      policies: [`guards.${guard}`],
      findings: [{ threat: `${guard}.${rule}`, severity, detail }],
    });
  }
}

function strictly({ name }: Guard, text: string): readonly Match[] {
  return name === "secrets" ? secretsInBytes(text) : [];
}

/** The words of pieces, which are looked at across frames. */
function wordsOf(pieces: readonly StreamEvent[]): ReadonlySet<string> {
  return new Set(pieces.flatMap((piece) => ("text" in piece ? [piece.text] : [])));
}

/** A frame without the words of its only piece: most frames of a stream differ in nothing else. */
function withoutWords(frame: string, pieces: readonly StreamEvent[]): string {
  const [piece] = pieces;
  if (pieces.length !== 1 || piece === undefined || !("text" in piece)) return frame;
  const words = JSON.stringify(piece.text);
  const from = frame.indexOf(words);
  return from < 0 ? frame : `${frame.slice(0, from)}""${frame.slice(from + words.length)}`;
}

function parsed(text: string): unknown {
  if (!text.startsWith("{")) return undefined;
  try {
    return parseLossless(text);
  } catch {
    return undefined;
  }
}
