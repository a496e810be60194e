// Looks at one call or reply text by text: what the guards see, and what is to stand in place of each text.
//
// 1. A text that stands in several places is looked at once.
// 2. What a provider has sealed and the bytes of media are looked at, but never rewritten: where something is found in them
//    that the policy redacts, the call is denied.
import { createHash } from "node:crypto";
import type { Fault } from "../kernel/fault.ts";
import { disguisedMatches } from "./disguise/disguised.ts";
import { textsIn } from "./disguise/decoded-text.ts";
import { mayBeDisguised } from "./disguise/glance.ts";
import { DecodingRoom } from "./disguise/room.ts";
import { guardFault } from "./errors.ts";
import { apart, maxHeldChars, merged, redacted, undecoded } from "./guard.ts";
import type { Guard, GuardAction, GuardFinding, GuardPolicy, Match, Search } from "./guard.ts";
import { bytesOf, isBase64, isBinaryMedium, mediumOf, textOf, withText } from "./media.ts";
import type { Medium } from "./media.ts";
import { looksSealed } from "../models/index.ts";
import { guardKeywords } from "./rule-book.ts";
import { searched } from "./searching.ts";
import { seamEdits, seamSteps } from "./seams.ts";
import { secretsInBytes, secretsInLetters } from "./secrets.ts";
import { atOnce, TimeSlice, sliceChars } from "./stretch.ts";
import type { Steps } from "./stretch.ts";
import { TextWalk } from "./text-walk.ts";
import { lookAtLargeWhole, lookAtWhole, mostAtOnce } from "./wholes.ts";

/** Most findings that are kept of one call; more say nothing more and only fill the record. */
const maxFindings = 100;

/** A text that was looked at. */
interface SeenText {
  /** What stands in its place. */
  readonly next: string;
  /** Whether it was met in the caller's own body. */
  isInBody: boolean;
}

/** Longest text that the engine hashes by what is in it: longer ones of one length would all share one place in a map. */
const maxHashedChars = 16_383;
/** How many longer texts are told apart by comparing them; a call seldom has more. */
const maxCompared = 8;
/** Shorter texts are mostly names and words, which a quicker look tells. */
const minUnnamed = 40;
/** Shortest text that holds a name and a secret value, and so one that may be disguised. */
const minDisguised = 12;
/** How many texts the caller's body may leave out of those in which nothing was found before it is not recognised. */
const maxSkipped = 4;
/** What coming to a text counts for, in characters looked at. */
export const textWork = 64;

/** Collects what the guards see and has texts replaced as the policy says. */
export class Inspection {
  readonly findings: GuardFinding[] = [];
  readonly walk = new TextWalk();
  readonly stretch: TimeSlice;
  /** What may be decoded of all texts together. */
  readonly #room = new DecodingRoom();
  readonly looking: readonly Guard[];
  /** Texts in which nothing was found, and how many of them the caller's body has come to, in which they stand again. */
  readonly #clean: string[] = [];
  #cleanInBody = 0;
  #seen: Map<string, SeenText> | undefined;
  /** Texts that hold a piece of a token that is cut over several, and what stands in their place. */
  #mends: Map<string, string> | undefined;
  /** Long texts, and others of them by their digests. */
  #long: [text: string, seen: SeenText][] | undefined;
  #digested: Map<string, SeenText> | undefined;
  readonly #policy: GuardPolicy;
  #changed = 0;
  #changedInBody = 0;
  #denied = 0;
  #isInBody = false;
  #secrets: Guard | undefined;
  /** Whether only guards look whose rules stand on keywords. */
  readonly #isNamed: boolean;

  constructor(policy: GuardPolicy, looking: readonly Guard[], holder?: string) {
    this.stretch = new TimeSlice(holder);
    this.#policy = policy;
    this.#isNamed = policy.pii === "off";
    this.looking = looking;
  }

  /** From here on lists and records are looked at as wholes too, which parts of turns need not be. */
  lookAtWholes(): void {
    const secrets = this.looking.find(({ name }) => name === "secrets");
    if (secrets === undefined) return;
    this.#secrets = secrets;
    const note = (matches: readonly Match[]): boolean => this.#note(secrets, matches);
    this.walk.onEntering = (value, keys) => {
      if ((keys ?? (value as readonly unknown[])).length > mostAtOnce) return true;
      lookAtWhole(this.walk, value, keys, this.#room, note);
      return false;
    };
  }

  /** Whether every text that was changed was changed in the caller's own body too. */
  get isBodyAlike(): boolean {
    return this.#changed === this.#changedInBody;
  }

  /** From here on the caller's own body is walked. */
  enterBody(): void {
    this.#isInBody = true;
  }

  /**
   * Looks at the texts that the walk comes to, and has it replace them: up to the end of the walk, or false at the end of a
   * stretch and at a text that takes long.
   */
  look(looking: readonly Guard[]): boolean {
    const { walk, stretch } = this;
    while (walk.next()) {
      const { text } = walk;
      if (text.length > sliceChars || walk.kind !== "text") return false;
      const next = this.#short(looking, this.#mended(text));
      if (next === undefined) return false;
      if (next !== text) walk.put(next);
      if (stretch.isOver(text.length + textWork)) return false;
    }
    return true;
  }

  /** What is to be done before looking on. */
  *pause(looking: readonly Guard[]): Steps<void> {
    const { text, kind } = this.walk;
    const secrets = this.#secrets;
    if (kind === "whole") {
      const note = (matches: readonly Match[]): boolean => secrets !== undefined && this.#note(secrets, matches);
      yield* lookAtLargeWhole(this.walk, this.#room, this.stretch, note);
      return;
    }
    if (text.length <= sliceChars && kind === "text" && !this.#room.isCut) {
      yield;
      return;
    }
    this.#room.isCut = false;
    const next = yield* kind === "text" ? this.#longer(looking, this.#mended(text)) : this.#placed(looking, text, kind);
    if (next !== text) this.walk.put(next);
  }

  /** Looks at the seams between texts that are said one after the other, wherever they stand. */
  *lookBetween(texts: readonly string[], at: string): Steps<void> {
    const secrets = this.looking.find(({ name }) => name === "secrets");
    if (secrets === undefined) return;
    const isMany = texts.length > mostAtOnce;
    const edits = isMany ? yield* seamSteps(texts, this.#room, this.stretch) : seamEdits(texts, this.#room);
    if (edits === undefined || !this.#note(secrets, edits.matches, true, at)) return;
    for (const [index, text] of edits.texts) (this.#mends ??= new Map()).set(texts[index] ?? "", text);
    this.#changed += edits.texts.size;
  }

  /** Whether a text that stands in pieces elsewhere holds what is to be taken out. */
  *holds(looking: readonly Guard[], text: string): Steps<boolean> {
    return (yield* this.#search(looking, text)).length > 0;
  }

  /** A text without what it holds of a token that is cut over several. */
  #mended(text: string): string {
    return this.#mends?.get(text) ?? text;
  }

  /** Why the call or reply must not go on, once all of it was looked at. */
  denied(): Fault | undefined {
    if (this.#room.isOver) {
      const wanted = (["deny", "redact"] as const).flatMap((action) =>
        this.looking.filter(({ name }) => this.#policy[name] === action),
      );
      const guard = wanted[0] ?? this.looking[0];
      if (guard !== undefined) this.#note(guard, [undecoded(0, 0)], false, "");
    }
    const reasons = this.findings.filter(({ action }) => action === "deny");
    const [first] = reasons;
    if (first === undefined) return undefined;
    return guardFault("guard.denied", `the guard "${first.guard}" found ${first.detail}`, {
      at: first.at,
      policies: [`guards.${first.guard}`],
      findings: reasons.map(({ guard, rule, severity, detail }) => ({ threat: `${guard}.${rule}`, severity, detail })),
      remedy: "take it out of the text and send the call again",
    });
  }

  /** What stands in place of a text that is looked at in one go; undefined when it holds too much for that. */
  #short(looking: readonly Guard[], text: string): string | undefined {
    if (this.#isNamed && text.length < minUnnamed && guardKeywords.isPlain(text)) {
      if (text.length < minDisguised || !mayBeDisguised(text)) return text;
    }
    if (this.#isInBody && this.#isClean(text)) return text;
    const seen = this.#seen?.get(text);
    if (seen !== undefined) return this.#again(text, seen);
    this.#room.grow(text.length);
    let current = text;
    let hits = guardKeywords.hits(text);
    const before = this.findings.length;
    for (const guard of looking) {
      const matches = guard.scan(current, hits, this.#room);
      if (this.#room.isCut) return undefined;
      if (matches.length === 0 || !this.#note(guard, matches)) continue;
      current = atOnce(redacted(current, matches, this.stretch));
      hits = guardKeywords.hits(current);
    }
    if (current !== text || this.findings.length > before) {
      (this.#seen ??= new Map()).set(text, this.#first(text, current));
    } else if (!this.#isInBody) this.#clean.push(text);
    return current;
  }

  /** Whether a text of the caller's body is the next of those in which nothing was found; otherwise it is looked at again. */
  #isClean(text: string): boolean {
    const clean = this.#clean;
    for (let i = this.#cleanInBody; i < clean.length && i < this.#cleanInBody + maxSkipped; i++) {
      if (clean[i] !== text) continue;
      this.#cleanInBody = i + 1;
      return true;
    }
    return false;
  }

  /** What stands in place of a text that may be a seal or bytes. */
  *#placed(looking: readonly Guard[], text: string, kind: "seal" | "media"): Steps<string> {
    if (kind === "seal") {
      if (!looksSealed(text)) return yield* this.#longer(looking, text);
      this.#room.grow(text.length);
      for (const guard of looking) this.#note(guard, yield* guard.sealed(text, this.stretch, this.#room), false);
      return text;
    }
    const { value, key } = this.walk.steps().at(-1) as { readonly value: object; readonly key: string | number };
    const medium = mediumOf(text, String(key), value);
    if (medium === undefined || !(yield* isBase64(medium, this.stretch))) return yield* this.#longer(looking, text);
    if (isBinaryMedium(medium)) {
      yield* this.#bytes(looking, medium);
      return text;
    }
    const held = yield* textOf(medium, this.stretch);
    const next = yield* this.#longer(looking, held.text);
    return next === held.text ? text : withText(medium, held, next);
  }

  /** Looks at bytes that pass as they are. */
  *#bytes(looking: readonly Guard[], medium: Medium): Steps<void> {
    const guard = looking.find(({ name }) => name === "secrets");
    if (guard === undefined) return;
    const matches: Match[] = [...(yield* secretsInLetters(medium.base64, this.stretch))];
    let before: Buffer = Buffer.alloc(0);
    yield* bytesOf(medium, this.stretch, (bytes) => {
      const all = before.length === 0 ? bytes : Buffer.concat([before, bytes]);
      matches.push(...textsIn(all).flatMap(({ text }) => secretsInBytes(text)));
      before = all.subarray(-maxHeldChars);
    });
    this.#note(guard, matches, false);
  }

  /** The same for a text that may take long. */
  *#longer(looking: readonly Guard[], text: string): Steps<string> {
    const key = yield* this.#keyOf(text);
    const seen = typeof key === "string" ? this.#digested?.get(key) : key;
    if (seen !== undefined) return this.#again(text, seen);
    this.#room.grow(text.length);
    const matches = yield* this.#search(looking, text);
    const current = matches.length === 0 ? text : yield* redacted(text, matches, this.stretch);
    const first = this.#first(text, current);
    if (key === undefined) (this.#long ??= []).push([text, first]);
    else (this.#digested ??= new Map()).set(key, first);
    return current;
  }

  /** Lets guards look at a text side by side; what is to be redacted. What one redacts the next does not see. */
  *#search(looking: readonly Guard[], text: string): Steps<readonly Match[]> {
    const searches = looking.map((guard) => guard.search(text));
    yield* searched(text, searches, this.stretch);
    const looks = looking.map(({ look }) => look);
    const disguised = yield* disguisedMatches(text, looks, this.stretch, this.#room);
    let taken: readonly Match[] = [];
    for (const [i, guard] of looking.entries()) {
      const found = yield* (searches[i] as Search).matches(this.stretch, disguised[i] as readonly Match[]);
      const matches = taken.length === 0 ? found : yield* apart(found, taken, this.stretch);
      if (matches.length === 0 || !this.#note(guard, matches)) continue;
      taken = taken.length === 0 ? matches : yield* merged(taken, matches, this.stretch);
    }
    return taken;
  }

  /** Notes what a guard found; true when it is to be redacted. What cannot be rewritten is denied instead. */
  #note(guard: Guard, matches: readonly Match[], canRewrite = true, at?: string): boolean {
    const wanted: GuardAction = this.#policy[guard.name];
    if (wanted === "off") return false;
    const action = wanted === "redact" && !canRewrite ? "deny" : wanted;
    for (const { rule, severity, detail } of matches) {
      // A call is denied by what denies it, however much else was found before.
      if (this.findings.length >= maxFindings && (action !== "deny" || this.#denied > 0)) break;
      if (action === "deny") this.#denied++;
      this.findings.push({ guard: guard.name, rule, severity, action, at: at ?? this.walk.pointer(), detail });
    }
    return action === "redact";
  }

  #first(text: string, next: string): SeenText {
    if (next !== text) this.#changed++;
    const seen = { next, isInBody: false };
    this.#again(text, seen);
    return seen;
  }

  #again(text: string, seen: SeenText): string {
    if (this.#isInBody && !seen.isInBody && seen.next !== text) {
      seen.isInBody = true;
      this.#changedInBody++;
    }
    return seen.next;
  }

  /** What is known of a long text, or by what it is to be known; undefined when comparing will do. */
  *#keyOf(text: string): Steps<SeenText | string | undefined> {
    for (const [each, seen] of this.#long ?? []) if (each === text) return seen;
    if ((this.#long?.length ?? 0) < maxCompared) return undefined;
    const hash = createHash("sha256");
    for (let at = 0; at < text.length; at += maxHashedChars) {
      hash.update(text.slice(at, at + maxHashedChars), "utf16le");
      if (this.stretch.isOver(sliceChars)) yield;
    }
    return hash.digest("base64");
  }
}
