// Puts a streamed text through the guards while it is under way.
//
// 1. Text that cannot become a match is passed on with the chunk that brought it. Held back is only what may still become
//    one, at most `maxWindowChars` characters, so that a secret cut in two by the provider is still seen whole.
// 2. Where the policy only flags, nothing is held back, and the text is looked at a stretch at a time; a match that was cut in
//    two is still found.
// 3. After a match that denies, nothing more is passed on.
// 4. What is longer than may be held is redacted from its beginning, and what follows of it is swallowed.
// 5. A text that pauses, while another one is said, has passed on what it held; what goes on from that is judged with it.
import type { Fault } from "../kernel/fault.ts";
import type { WordHits } from "./anchored-rules.ts";
import { guardFault } from "./errors.ts";
import { maxWindowChars, redactionMarker, undecoded } from "./guard.ts";
import { roomFor } from "./disguise/room.ts";
import { longestTail, tailFrom } from "./disguise/open.ts";
import type { Guard, GuardFinding, GuardName, GuardPolicy, Match } from "./guard.ts";
import { guards } from "./guard-list.ts";
import { guardKeywords } from "./rule-book.ts";

/** What may be passed on after a chunk. */
export interface GuardedChunk {
  /** Text to pass on; empty when there is none yet. */
  readonly text: string;
  /** What this chunk brought to light. */
  readonly findings: readonly GuardFinding[];
  /** Present when the stream must end here. */
  readonly denied?: Fault;
}

/** Watches one text of a stream; each choice and each tool call's arguments has one of its own. */
export interface StreamGuard {
  /** Takes a chunk and says what may be passed on. */
  push(chunk: string): GuardedChunk;
  /** Something else is said, before which the text has to stand: says what of the rest may be passed on. The text may go on. */
  pause(): GuardedChunk;
  /** The text has ended: says what of the rest may be passed on. */
  flush(): GuardedChunk;
}

/** A match and the guard it came from. */
type Seen = Match & { readonly guard: GuardName };

/** What goes on of a token that is being swallowed. */
const tokenCharacters = /^[\w+/=.~%-]*/;
/** Characters of text already passed on that are kept to judge what follows. */
const contextChars = 32;
/** How much of a text that is only watched is looked at in one go. */
const watchedChars = 1024;
/** Longest last line of a private key. */
const endChars = 64;
/** Longest private key, characters. */
const maxSwallowedChars = 16_384;

/** A guard for a streamed text, or undefined when the policy has nothing to look for in replies. `at` is its JSON pointer. */
export function streamGuard(policy: GuardPolicy, at: string): StreamGuard | undefined {
  const looking = guards.filter(({ name }) => policy[name] !== "off");
  const changing = looking.filter(({ name }) => policy[name] !== "flag");
  const watching = looking.filter(({ name }) => policy[name] === "flag");
  // Apart, so that what only watches does not hold up what may pass.
  const holder = changing.length > 0 ? new GuardedStream(changing, policy, at, true) : undefined;
  const watcher = watching.length > 0 ? new WatchedStream(new GuardedStream(watching, policy, at, false)) : undefined;
  if (holder === undefined || watcher === undefined) return holder ?? watcher;
  const both = (held: GuardedChunk, { findings }: GuardedChunk): GuardedChunk =>
    findings.length === 0 ? held : { ...held, findings: [...held.findings, ...findings] };
  return {
    push: (chunk) => both(holder.push(chunk), watcher.push(chunk)),
    pause: () => both(holder.pause(), watcher.pause()),
    flush: () => both(holder.flush(), watcher.flush()),
  };
}

const nothingYet: GuardedChunk = { text: "", findings: [] };

/** Gathers what is only watched: to look at every word as it comes would cost many times as much and tell nothing more. */
class WatchedStream implements StreamGuard {
  readonly #inner: GuardedStream;
  #gathered = "";

  constructor(inner: GuardedStream) {
    this.#inner = inner;
  }

  push(chunk: string): GuardedChunk {
    this.#gathered += chunk;
    if (this.#gathered.length < watchedChars) return { text: chunk, findings: noFindings };
    return { text: chunk, findings: this.#look() };
  }

  /** Nothing is held, and what is gathered is looked at with what follows. */
  pause(): GuardedChunk {
    return nothingYet;
  }

  flush(): GuardedChunk {
    return { text: "", findings: [...this.#look(), ...this.#inner.flush().findings] };
  }

  #look(): readonly GuardFinding[] {
    const text = this.#gathered;
    this.#gathered = "";
    return text === "" ? noFindings : this.#inner.push(text).findings;
  }
}

const noFindings: readonly GuardFinding[] = [];

class GuardedStream implements StreamGuard {
  readonly #guards: readonly Guard[];
  readonly #policy: GuardPolicy;
  readonly #at: string;
  /** Whether these guards may change or stop the text. */
  readonly #holds: boolean;
  /** Text whose fate is open; where nothing is held it has been passed on already. */
  #pending = "";
  /** What stood before it: a token does not begin inside a word, and a telling word stands before what it tells of. */
  #before = "";
  /** How much of what stood before is kept: after a pause all that a match may still go on from. */
  #context = contextChars;
  #swallowing: { readonly block: boolean; left: number } | undefined;
  /** A last word that may be encoded, of which nothing is looked at before it is whole. */
  #tail = "";
  #ended = false;

  constructor(looking: readonly Guard[], policy: GuardPolicy, at: string, holds: boolean) {
    this.#guards = looking;
    this.#policy = policy;
    this.#at = at;
    this.#holds = holds;
  }

  push(chunk: string): GuardedChunk {
    const text = this.#tail + chunk;
    let cut = this.#holds && this.#swallowing === undefined ? tailFrom(text) : text.length;
    if (text.length - cut >= longestTail) cut = text.length;
    this.#tail = text.slice(cut);
    return cut === 0 ? nothingYet : this.#advance(text.slice(0, cut), false);
  }

  pause(): GuardedChunk {
    // Of what is swallowed nothing is passed on, now or when it goes on.
    if (this.#ended || this.#swallowing !== undefined) return nothingYet;
    const said = this.flush();
    this.#ended = said.denied !== undefined;
    return said;
  }

  flush(): GuardedChunk {
    const rest = this.#tail;
    this.#tail = "";
    return this.#advance(rest, true);
  }

  #advance(chunk: string, last: boolean): GuardedChunk {
    if (this.#ended) return { text: "", findings: [] };
    this.#pending += chunk;
    if (this.#swallows(last)) return { text: this.#holds ? "" : chunk, findings: [] };
    const text = this.#before + this.#pending;
    const hits = guardKeywords.hits(text);
    const seen = this.#scan(text, hits);
    const settled = last ? text.length : this.#settled(text, hits, seen);
    const [ready, open] = [seen.filter(({ end }) => end <= settled), seen.find(({ end }) => end > settled)];
    const findings = ready.map((match) => this.#finding(match));
    const reason = findings.find(({ action }) => action === "deny");
    if (reason !== undefined) return this.#stop(findings, reason);

    let upTo = settled;
    let released = this.#shownText(text, settled, ready);
    // A match that reaches the end and is longer than may be held: its marker goes out now, its rest is swallowed.
    if (!last && open !== undefined && open.end >= text.length && text.length - open.start >= maxWindowChars) {
      findings.push(this.#finding(open));
      const swallowed = findings.at(-1);
      if (swallowed?.action === "deny") return this.#stop(findings, swallowed);
      upTo = text.length;
      released = this.#shownText(text, text.length, [...ready, open]);
      this.#swallowing = { block: open.rule === "private-key", left: maxSwallowedChars };
    }
    this.#keep(text, upTo, last);
    return { text: this.#holds ? released : chunk, findings };
  }

  /** Up to where the fate of the text is known. */
  #settled(text: string, hits: WordHits, seen: readonly Seen[]): number {
    let open = text.length;
    for (const guard of this.#guards) open = Math.min(open, guard.openFrom(text, hits));
    const held = text.length - maxWindowChars;
    open = Math.max(open, held);
    // A match that touches the end may go on; one that the border would cut is kept whole, or goes when it is too long.
    for (const { start, end } of seen) {
      if (end >= text.length) open = Math.min(open, start);
      else if (end > open) open = start < held ? end : Math.min(open, start);
    }
    return Math.max(open, this.#before.length);
  }

  #scan(text: string, hits: WordHits): readonly Seen[] {
    const room = roomFor(text);
    const all = this.#guards.flatMap((guard) => {
      const found = guard.scan(text, hits, room);
      const matches = room.isIncomplete ? [...found, undecoded(this.#before.length, text.length)] : found;
      return matches.map((match): Seen => ({ ...match, guard: guard.name }));
    });
    const sorted = all.toSorted((left, right) => left.start - right.start || right.end - left.end);
    let end = this.#before.length;
    return sorted.filter((match) => {
      if (match.end <= end) return false;
      end = match.end;
      return true;
    });
  }

  #finding({ guard, rule, severity, detail }: Seen): GuardFinding {
    const action = this.#policy[guard];
    return { guard, rule, severity, action: action === "off" ? "flag" : action, at: this.#at, detail };
  }

  #stop(findings: readonly GuardFinding[], { guard, rule, severity, detail }: GuardFinding): GuardedChunk {
    this.#ended = true;
    this.#pending = "";
    const denied = guardFault("guard.denied", `the guard "${guard}" found ${detail} in the reply`, {
      at: this.#at,
      policies: [`guards.${guard}`],
      findings: [{ threat: `${guard}.${rule}`, severity, detail }],
    });
    return { text: "", findings, denied };
  }

  /** The settled text that has not been shown, with markers for what the policy redacts. */
  #shownText(text: string, settled: number, ready: readonly Seen[]): string {
    let out = "";
    let from = this.#before.length;
    for (const { guard, rule, start, end } of ready) {
      if (this.#policy[guard] !== "redact") continue;
      out += text.slice(from, Math.max(from, start)) + redactionMarker(rule);
      from = end;
    }
    return out + text.slice(from, Math.max(from, settled));
  }

  #keep(text: string, upTo: number, last: boolean): void {
    this.#pending = last ? "" : text.slice(upTo);
    const passed = upTo - this.#before.length;
    this.#context = last ? maxWindowChars : Math.max(contextChars, this.#context - passed);
    this.#before = text.slice(Math.max(0, upTo - this.#context), upTo);
    this.#ended = last;
  }

  /** Takes off the pending text what belongs to a match that was too long to hold; true when all that came does. */
  #swallows(last: boolean): boolean {
    const swallowing = this.#swallowing;
    if (swallowing === undefined) return false;
    const rest = swallowing.block ? endOfBlock(this.#pending) : tokenCharacters.exec(this.#pending)?.[0].length;
    swallowing.left -= this.#pending.length;
    if (!last && swallowing.left > 0 && (rest === undefined || rest === this.#pending.length)) {
      // Enough of a block is kept to see an end that is cut in two.
      const kept = swallowing.block ? Math.min(this.#pending.length, endChars) : 0;
      swallowing.left += kept;
      this.#pending = this.#pending.slice(this.#pending.length - kept);
      return true;
    }
    this.#swallowing = undefined;
    this.#pending = this.#pending.slice(rest ?? this.#pending.length);
    this.#before = "";
    return false;
  }
}

/** Where a private key's last line ends, or undefined when it has not come. */
function endOfBlock(text: string): number | undefined {
  const end = text.indexOf("-----END");
  const close = end < 0 ? -1 : text.indexOf("-----", end + 8);
  return close < 0 ? undefined : close + 5;
}
