// Puts a whole call or a whole reply through the guards and does what the product's policy says.
//
// 1. A call in which nothing is found, or nothing that the policy redacts, is returned as the same object.
// 2. What is redacted is redacted in the turns, tools and inputs, and in the caller's own body, which goes to upstreams of
//    the same dialect as it came. Where that cannot be done the call is denied.
// 3. Signals of injection are looked for where strangers' words come in: in what the user says and what tools return.
// 4. No caller holds up the others: what takes long is done in stretches, with turns for everybody else in between.
import { createHash } from "node:crypto";
import type { Fault } from "../../kernel/fault.ts";
import type { ModelCall, Part, Reply, Turn } from "../conversation.ts";
import { guardFault } from "./errors.ts";
import { redacted } from "./guard.ts";
import type { Guard, GuardFinding, GuardPolicy, Match, Search } from "./guard.ts";
import { injectionGuard } from "./injection.ts";
import { piiGuard } from "./pii.ts";
import { guardKeywords } from "./rule-book.ts";
import { searched } from "./searching.ts";
import { secretsGuard } from "./secrets.ts";
import { atOnce, inTurns, Stretch, stretchChars } from "./stretch.ts";
import type { Steps } from "./stretch.ts";
import { TextWalk } from "./text-walk.ts";

/** Every guard, in the order in which they look: what one redacts the next does not see. */
export const guards: readonly Guard[] = [secretsGuard, piiGuard, injectionGuard];

/** Most findings that are kept of one call; more say nothing more and only fill the record. */
const maxFindings = 100;

/** What became of a call. */
export interface GuardedCall {
  readonly call: ModelCall;
  readonly findings: readonly GuardFinding[];
  /** Present when the call must not go on. */
  readonly denied?: Fault;
}

/** What became of a reply. */
export interface GuardedReply {
  readonly reply: Reply;
  readonly findings: readonly GuardFinding[];
  /** Present when the reply must not be shown. */
  readonly denied?: Fault;
}

/** A text that was looked at. */
interface Known {
  /** What stands in its place. */
  readonly next: string;
  /** Whether it was met in the caller's own body. */
  isInBody: boolean;
}

/** Longest text that the engine hashes by what is in it: longer ones of one length would all share one place in a map. */
const maxHashedChars = 16_383;
/** How many longer texts are told apart by comparing them; a call seldom has more. */
const maxCompared = 8;
/** Shortest text in which anything stands without a keyword and in ASCII: a run of base64. */
const minUnnamed = 40;
/** How many texts the caller's body may leave out of those in which nothing was found before it is not recognised. */
const maxSkipped = 4;
/** What coming to a text counts for, in characters looked at. */
const textWork = 64;

/** Collects what the guards see and has texts replaced as the policy says. */
class Inspection {
  readonly findings: GuardFinding[] = [];
  readonly walk = new TextWalk();
  readonly stretch = new Stretch();
  readonly looking: readonly Guard[];
  /** Texts in which nothing was found, and how many of them the caller's body has come to, in which they stand again. */
  readonly #clean: string[] = [];
  #cleanInBody = 0;
  #known: Map<string, Known> | undefined;
  /** Long texts, and others of them by their digests. */
  #long: [text: string, known: Known][] | undefined;
  #digested: Map<string, Known> | undefined;
  readonly #policy: GuardPolicy;
  #changed = 0;
  #changedInBody = 0;
  #denied = 0;
  #isInBody = false;
  /** Whether only guards look whose rules stand on keywords. */
  readonly #isNamed: boolean;

  constructor(policy: GuardPolicy, looking: readonly Guard[]) {
    this.#policy = policy;
    this.#isNamed = policy.pii === "off";
    this.looking = looking;
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
      if (text.length > stretchChars) return false;
      const next = this.#short(looking, text);
      if (next !== text) walk.put(next);
      if (stretch.isOver(text.length + textWork)) return false;
    }
    return true;
  }

  /** What is to be done before looking on. */
  *pause(looking: readonly Guard[]): Steps<void> {
    const { text } = this.walk;
    if (text.length <= stretchChars) {
      yield;
      return;
    }
    const next = yield* this.#longer(looking, text);
    if (next !== text) this.walk.put(next);
  }

  denied(): Fault | undefined {
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

  /** What stands in place of a text that is looked at in one go. */
  #short(looking: readonly Guard[], text: string): string {
    if (this.#isNamed && text.length < minUnnamed && guardKeywords.isPlain(text)) return text;
    if (this.#isInBody && this.#isClean(text)) return text;
    const known = this.#known?.get(text);
    if (known !== undefined) return this.#again(text, known);
    let current = text;
    let hits = guardKeywords.hits(text);
    const before = this.findings.length;
    for (const guard of looking) {
      const matches = guard.scan(current, hits);
      if (matches.length === 0 || !this.#note(guard, matches)) continue;
      current = atOnce(redacted(current, matches, this.stretch));
      hits = guardKeywords.hits(current);
    }
    if (current !== text || this.findings.length > before) {
      (this.#known ??= new Map()).set(text, this.#first(text, current));
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

  /** The same for a text that may take long. */
  *#longer(looking: readonly Guard[], text: string): Steps<string> {
    const key = yield* this.#keyOf(text);
    const known = typeof key === "string" ? this.#digested?.get(key) : key;
    if (known !== undefined) return this.#again(text, known);
    let current = text;
    let left = looking;
    while (left.length > 0) {
      const found = yield* this.#search(left, current);
      if (found === undefined) break;
      current = yield* redacted(current, found.matches, this.stretch);
      left = left.slice(left.indexOf(found.guard) + 1);
    }
    const first = this.#first(text, current);
    if (key === undefined) (this.#long ??= []).push([text, first]);
    else (this.#digested ??= new Map()).set(key, first);
    return current;
  }

  /** Lets guards look at a text side by side, up to the first that changes it. */
  *#search(
    looking: readonly Guard[],
    text: string,
  ): Steps<{ readonly guard: Guard; readonly matches: readonly Match[] } | undefined> {
    const searches = looking.map((guard) => guard.search(text));
    yield* searched(text, searches, this.stretch);
    for (const [i, guard] of looking.entries()) {
      const matches = yield* (searches[i] as Search).matches(this.stretch);
      if (matches.length > 0 && this.#note(guard, matches)) return { guard, matches };
    }
    return undefined;
  }

  /** Notes what a guard found; true when it is to be redacted. */
  #note(guard: Guard, matches: readonly Match[]): boolean {
    const action = this.#policy[guard.name];
    if (action === "off") return false;
    for (const { rule, severity, detail } of matches) {
      // A call is denied by what denies it, however much else was found before.
      if (this.findings.length >= maxFindings && (action !== "deny" || this.#denied > 0)) break;
      if (action === "deny") this.#denied++;
      this.findings.push({ guard: guard.name, rule, severity, action, at: this.walk.pointer(), detail });
    }
    return action === "redact";
  }

  #first(text: string, next: string): Known {
    if (next !== text) this.#changed++;
    const known = { next, isInBody: false };
    this.#again(text, known);
    return known;
  }

  #again(text: string, known: Known): string {
    if (this.#isInBody && !known.isInBody && known.next !== text) {
      known.isInBody = true;
      this.#changedInBody++;
    }
    return known.next;
  }

  /** What is known of a long text, or by what it is to be known; undefined when comparing will do. */
  *#keyOf(text: string): Steps<Known | string | undefined> {
    for (const [each, known] of this.#long ?? []) if (each === text) return known;
    if ((this.#long?.length ?? 0) < maxCompared) return undefined;
    const hash = createHash("sha256");
    for (let at = 0; at < text.length; at += maxHashedChars) {
      hash.update(text.slice(at, at + maxHashedChars), "utf16le");
      if (this.stretch.isOver(stretchChars)) yield;
    }
    return hash.digest("base64");
  }
}

/** The guards that a policy does not turn off, by policy: there are few, and they are asked for with every call. */
const lookingBy = new WeakMap<GuardPolicy, readonly Guard[]>();
const trustingBy = new WeakMap<readonly Guard[], readonly Guard[]>();

function lookingFor(policy: GuardPolicy): readonly Guard[] {
  let looking = lookingBy.get(policy);
  if (looking === undefined) {
    looking = guards.filter(({ name }) => policy[name] !== "off");
    lookingBy.set(policy, looking);
  }
  return looking;
}

/** Of these guards those that look at words which are not strangers'. */
function trustingOf(looking: readonly Guard[]): readonly Guard[] {
  let trusting = trustingBy.get(looking);
  if (trusting === undefined) {
    trusting = looking.filter((guard) => guard !== injectionGuard);
    trustingBy.set(looking, trusting);
  }
  return trusting;
}

/** Whether a call has no texts beside its turns and its body. */
function isBare({ inputs, tools, form, stop }: ModelCall): boolean {
  return inputs === undefined && tools.length === 0 && stop.length === 0 && form.kind === "text";
}

const placeOfPart = (turn: number, part: number): string => `/turns/${turn}/parts/${part}`;
const placeBeside = (): string => "";
const placeInBody = (): string => "/raw";
const placeOfChoices = (): string => "/choices";

/**
 * Looks at a call before it goes to a model. Short calls are done at once; the promise is for those that take long.
 * @throws The signal's reason, when the caller has gone meanwhile.
 */
export function guardCall(
  call: ModelCall,
  policy: GuardPolicy,
  signal?: AbortSignal,
): GuardedCall | Promise<GuardedCall> {
  const looking = lookingFor(policy);
  if (looking.length === 0) return { call, findings: [] };
  const inspection = new Inspection(policy, looking);
  return inTurns(inspectCall(call, inspection), inspection.stretch, signal);
}

function* inspectCall(call: ModelCall, inspection: Inspection): Steps<GuardedCall> {
  const { walk, stretch, looking, findings } = inspection;
  const trusting = trustingOf(looking);
  for (let i = 0; i < call.turns.length; i++) {
    const { role, parts } = call.turns[i] as Turn;
    for (let j = 0; j < parts.length; j++) {
      const part = parts[j] as Part;
      walk.enter(part, placeOfPart, i, j);
      const guards = role === "user" || isForeign(part) ? looking : trusting;
      while (!inspection.look(guards)) yield* inspection.pause(guards);
    }
  }
  const beside = { inputs: call.inputs, tools: call.tools, form: call.form, stop: call.stop };
  if (!isBare(call)) {
    walk.enter(beside, placeBeside);
    while (!inspection.look(trusting)) yield* inspection.pause(trusting);
  }
  inspection.enterBody();
  walk.enter(call.raw, placeInBody);
  while (!inspection.look(trusting)) yield* inspection.pause(trusting);

  const denied = inspection.denied();
  if (denied !== undefined) return { call, findings, denied };
  if (!walk.replaces) return { call, findings };
  const raw = yield* walk.rebuilt(call.raw, stretch);
  const disguised = raw === call.raw ? undisguised(call, inspection) : undefined;
  if (disguised !== undefined) return { call, findings, denied: disguised };
  const turns: Turn[] = [];
  for (const turn of call.turns) {
    const parts: Part[] = [];
    for (const part of turn.parts) parts.push(yield* walk.rebuilt(part, stretch));
    turns.push(parts.some((part, i) => part !== turn.parts[i]) ? { ...turn, parts } : turn);
    if (stretch.isOver(textWork)) yield;
  }
  const { inputs, ...others } = yield* walk.rebuilt(beside, stretch);
  return { call: { ...call, ...others, turns, raw, ...(inputs && { inputs }) }, findings };
}

/** Looks at a whole reply before it is shown. Short replies are done at once, as calls are. */
export function guardReply(
  reply: Reply,
  policy: GuardPolicy,
  signal?: AbortSignal,
): GuardedReply | Promise<GuardedReply> {
  const looking = lookingFor(policy);
  if (looking.length === 0) return { reply, findings: [] };
  const inspection = new Inspection(policy, looking);
  return inTurns(inspectReply(reply, inspection), inspection.stretch, signal);
}

function* inspectReply(reply: Reply, inspection: Inspection): Steps<GuardedReply> {
  const { walk, stretch, looking, findings } = inspection;
  walk.enter(reply.choices, placeOfChoices);
  while (!inspection.look(looking)) yield* inspection.pause(looking);
  const denied = inspection.denied();
  if (denied !== undefined) return { reply, findings, denied };
  if (!walk.replaces) return { reply, findings };
  return { reply: { ...reply, choices: yield* walk.rebuilt(reply.choices, stretch) }, findings };
}

/** What a tool returned holds strangers' words, whoever says the turn. */
function isForeign(part: Part): boolean {
  return part.kind === "tool_result";
}

/**
 * A call whose text was redacted while its body, which some upstreams get as it came, was not: the text stands there in
 * another spelling. An empty body belongs to a call that Charter itself made.
 */
function undisguised(call: ModelCall, inspection: Inspection): Fault | undefined {
  if (Object.keys(call.raw).length === 0 || inspection.isBodyAlike) return undefined;
  return guardFault("guard.denied", "what a guard found could not be redacted in the body of the call", {
    remedy: "take it out of the text and send the call again",
  });
}
