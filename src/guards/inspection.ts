// Puts a whole call or a whole reply through the guards and does what the product's policy says.
//
// 1. A call in which nothing is found, or nothing that the policy redacts, is returned as the same object.
// 2. What is redacted is redacted in the turns, tools and inputs, and in the caller's own body, which goes to upstreams of
//    the same dialect as it came. Where that cannot be done the call is denied.
// 3. Signals of injection are looked for where untrusted words come in: in what the user says, what tools return, and in parts
//    that only the provider can read.
// 4. No caller holds up the others: what takes long is done in stretches, with turns for everyone else in between.
import type { Fault } from "../kernel/fault.ts";
import { valueAt } from "../models/index.ts";
import type { DialectName, ModelCall, Part, Reply, Turn } from "../models/index.ts";
import { guardFault } from "./errors.ts";
import { guards } from "./guard-list.ts";
import type { Guard, GuardFinding, GuardPolicy } from "./guard.ts";
import { injectionGuard } from "./injection.ts";
import { Inspection, textWork } from "./inspecting.ts";
import { placesInBody, placesInPart, placesInReply, placesUnder, textOnly } from "./places.ts";
import { tokenTexts, withoutProbabilities } from "./token-texts.ts";
import { inTurns } from "./stretch.ts";
import type { Steps } from "./stretch.ts";

/** What became of a call. */
export interface GuardedCall {
  readonly call: ModelCall;
  readonly findings: readonly GuardFinding[];
  /** Present when the call must not go on. */
  readonly denied?: Fault;
}

/** A reply as its provider sent it, for callers who get it so. */
export interface RawReply {
  readonly dialect: DialectName;
  readonly body: object;
}

/** What became of a reply. */
export interface GuardedReply {
  readonly reply: Reply;
  /** The body that stands in place of the provider's, where something was taken out of it that the reply does not hold. */
  readonly body?: object;
  readonly findings: readonly GuardFinding[];
  /** Present when the reply must not be shown. */
  readonly denied?: Fault;
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

/** Of these guards those that look at words which are trusted. */
function trustingOf(looking: readonly Guard[]): readonly Guard[] {
  let trusting = trustingBy.get(looking);
  if (trusting === undefined) {
    trusting = looking.filter((guard) => guard !== injectionGuard);
    trustingBy.set(looking, trusting);
  }
  return trusting;
}

/** Whether a call has no texts outside its turns and its body. */
function isBare({ inputs, tools, form, stop }: ModelCall): boolean {
  return inputs === undefined && tools.length === 0 && stop.length === 0 && form.kind === "text";
}

const placeOfPart = (turn: number, part: number): string => `/turns/${turn}/parts/${part}`;
const placeBeside = (): string => "";
const placeInBody = (): string => "/raw";
const placeOfChoices = (): string => "/choices";

/**
 * Looks at a call before it goes to a model. Short calls are done at once; the promise is for those that take long, of which
 * each holder, the product whose call it is, has one stretch in turn.
 * @throws The signal's reason, when the caller has gone meanwhile.
 */
export function guardCall(
  call: ModelCall,
  policy: GuardPolicy,
  signal?: AbortSignal,
  holder?: string,
): GuardedCall | Promise<GuardedCall> {
  const looking = lookingFor(policy);
  if (looking.length === 0) return { call, findings: [] };
  const inspection = new Inspection(policy, looking, holder);
  return inTurns(inspectCall(call, inspection), inspection.stretch, signal);
}

function* inspectCall(call: ModelCall, inspection: Inspection): Steps<GuardedCall> {
  const { walk, stretch, looking, findings } = inspection;
  const trusting = trustingOf(looking);
  if (call.turns.length > 1 || (call.turns[0]?.parts.length ?? 0) > 1) {
    yield* lookBetweenTurns(call, inspection);
  }
  for (let i = 0; i < call.turns.length; i++) {
    const { role, parts } = call.turns[i] as Turn;
    const places = placesInPart(role === "assistant");
    for (let j = 0; j < parts.length; j++) {
      const part = parts[j] as Part;
      if (part.kind === "foreign") {
        const value = valueAt(call.raw, part.at);
        if (typeof value !== "object" || value === null) continue;
        walk.enter(value, placeOfPart, placesUnder(call, part.at), i, j);
        while (!inspection.look(looking)) yield* inspection.pause(looking);
        continue;
      }
      walk.enter(part, placeOfPart, places, i, j);
      const guards = role === "user" || isForeign(part) ? looking : trusting;
      while (!inspection.look(guards)) yield* inspection.pause(guards);
    }
  }
  // A word that only the caller's API knows, as of a role or of how a picture is looked at, is words like any other.
  for (const pointer of call.untranslated ?? []) {
    const value = /^\/(?:messages|input|system)\//.test(pointer) ? valueAt(call.raw, pointer) : undefined;
    if (typeof value !== "string") continue;
    walk.enter([value], () => pointer, textOnly);
    while (!inspection.look(looking)) yield* inspection.pause(looking);
  }
  inspection.lookAtWholes();
  const beside = { inputs: call.inputs, tools: call.tools, form: call.form, stop: call.stop };
  if (!isBare(call)) {
    walk.enter(beside, placeBeside, textOnly);
    while (!inspection.look(trusting)) yield* inspection.pause(trusting);
  }
  inspection.enterBody();
  walk.enter(call.raw, placeInBody, placesInBody(call.dialect));
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

/** The words of turns, one after the other: those of all, and those of the user, whom answers interrupt. */
function* lookBetweenTurns({ turns, raw }: ModelCall, inspection: Inspection): Steps<void> {
  const all: string[] = [];
  const users: string[] = [];
  for (const { role, parts } of turns) {
    gatherWords(parts, all);
    if (role === "user") gatherWords(parts, users);
  }
  if (all.length > 1) yield* inspection.lookBetween(all, "/turns");
  if (users.length < all.length) yield* inspection.lookBetween(users, "/turns");
  if (!turns.some(({ parts }) => parts.some(holdsForeign))) return;
  for (const words of wordsByField(turns, raw)) yield* inspection.lookBetween(words, "/turns");
}

/** Most fields of parts that no one knows whose words are put together; what stands in others is one more. */
const maxFields = 16;

/**
 * The words of a conversation as a provider may put them together that reads parts which Charter does not know: those of each
 * field of such parts, along with the words of the known parts.
 */
function wordsByField(turns: readonly Turn[], raw: ModelCall["raw"]): readonly (readonly string[])[] {
  const fields = new Map<string, string[]>();
  const known: string[] = [];
  const listOf = (name: string): string[] => {
    const field = fields.has(name) || fields.size < maxFields ? name : "";
    let list = fields.get(field);
    if (list === undefined) fields.set(field, (list = [...known]));
    return list;
  };
  const add = (value: unknown, name: string): void => {
    if (typeof value === "string") listOf(name).push(value);
    else if (Array.isArray(value)) for (const item of value) add(item, name);
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) if (key !== "type") add(inner, key);
    }
  };
  const look = (part: Part): void => {
    if (part.kind === "foreign") return add(valueAt(raw, part.at), "");
    if (part.kind === "tool_result") return part.parts.forEach(look);
    for (const words of gatherWords([part], [])) {
      known.push(words);
      for (const list of fields.values()) list.push(words);
    }
  };
  for (const { parts } of turns) parts.forEach(look);
  return [...fields.values()].filter((words) => words.length > 1);
}

function holdsForeign(part: Part): boolean {
  return part.kind === "foreign" || (part.kind === "tool_result" && part.parts.some(holdsForeign));
}

/** Adds the words of parts, and of what tools returned, in their order. */
function gatherWords(parts: readonly Part[], words: string[]): readonly string[] {
  for (const part of parts) {
    if (part.kind === "tool_result") gatherWords(part.parts, words);
    else if (part.kind === "text" || part.kind === "refusal") words.push(part.text);
  }
  return words;
}

/**
 * Looks at a whole reply before it is shown. Short replies are done at once, as calls are.
 * @param raw Given when the caller gets the reply as its provider sent it, with whatever Charter does not know in it.
 */
export function guardReply(
  reply: Reply,
  policy: GuardPolicy,
  raw?: RawReply,
  signal?: AbortSignal,
  holder?: string,
): GuardedReply | Promise<GuardedReply> {
  const looking = lookingFor(policy);
  if (looking.length === 0) return { reply, findings: [] };
  const inspection = new Inspection(policy, looking, holder);
  return inTurns(inspectReply(reply, raw, inspection), inspection.stretch, signal);
}

function* inspectReply(reply: Reply, raw: RawReply | undefined, inspection: Inspection): Steps<GuardedReply> {
  const { walk, stretch, looking, findings } = inspection;
  for (const { parts } of reply.choices) yield* inspection.lookBetween(gatherWords(parts, []), placeOfChoices());
  walk.enter(reply.choices, placeOfChoices, placesInPart(true));
  while (!inspection.look(looking)) yield* inspection.pause(looking);
  const named = { id: reply.id, model: reply.model };
  walk.enter(named, placeBeside, textOnly);
  while (!inspection.look(looking)) yield* inspection.pause(looking);
  // Where something is to be taken out already, the reply is written again from what Charter knows of it.
  const body = raw === undefined || walk.replaces ? undefined : yield* inspectRaw(raw, inspection);
  const denied = inspection.denied();
  if (denied !== undefined) return { reply, findings, denied };
  if (body !== undefined) return { reply, body, findings };
  if (!walk.replaces) return { reply, findings };
  const choices = yield* walk.rebuilt(reply.choices, stretch);
  return { reply: { ...reply, ...(yield* walk.rebuilt(named, stretch)), choices }, findings };
}

/** Looks at what a provider's body holds other than what Charter knows; undefined when nothing is to be taken out. */
function* inspectRaw({ dialect, body }: RawReply, inspection: Inspection): Steps<object | undefined> {
  const { walk, stretch, looking } = inspection;
  const dropped = new Set<object>();
  for (const { choice, text } of tokenTexts(body)) {
    if (yield* inspection.holds(looking, text)) dropped.add(choice);
  }
  const left = withoutProbabilities(body, dropped);
  inspection.enterBody();
  inspection.lookAtWholes();
  walk.enter(left, placeInBody, placesInReply(dialect));
  while (!inspection.look(looking)) yield* inspection.pause(looking);
  const next = yield* walk.rebuilt(left, stretch);
  return next === body ? undefined : next;
}

/** What a tool returned holds untrusted words, in a turn of any role. */
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
