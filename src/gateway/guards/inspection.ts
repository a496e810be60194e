// Puts a whole call or a whole reply through the guards and does what the product's policy says.
//
// 1. A call in which nothing is found, or nothing that the policy redacts, is returned as the same object.
// 2. What is redacted is redacted in the turns, tools and inputs, and in the caller's own body, which goes to upstreams of
//    the same dialect as it came. Where that cannot be done the call is denied.
// 3. Signals of injection are looked for where strangers' words come in: in what the user says and what tools return.
import type { Fault } from "../../kernel/fault.ts";
import type { ModelCall, Part, Reply } from "../conversation.ts";
import { guardFault } from "./errors.ts";
import { redacted } from "./guard.ts";
import type { Guard, GuardFinding, GuardName, GuardPolicy } from "./guard.ts";
import { injectionGuard } from "./injection.ts";
import { piiGuard } from "./pii.ts";
import { guardKeywords } from "./rule-book.ts";
import { rewritten } from "./rewriting.ts";
import type { Place, TextRule } from "./rewriting.ts";
import { secretsGuard } from "./secrets.ts";

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

/** Collects what the guards see and rewrites texts as the policy says. */
class Inspection {
  readonly findings: GuardFinding[] = [];
  /** Texts that were looked at, with what stands in their place. */
  readonly #seen = new Map<string, string>();
  readonly #policy: GuardPolicy;
  readonly #guards: readonly Guard[];

  constructor(policy: GuardPolicy, stage: "request" | "reply") {
    this.#policy = policy;
    this.#guards = guards.filter(
      (guard) => policy[guard.name] !== "off" && (guard.stage === "both" || guard.stage === stage),
    );
  }

  get idle(): boolean {
    return this.#guards.length === 0;
  }

  /** A rule for texts that lets only some guards look. */
  rule(only: (name: GuardName) => boolean): TextRule {
    const looking = this.#guards.filter(({ name }) => only(name));
    return (text, at) => {
      const known = this.#seen.get(text);
      if (known !== undefined) return known;
      const next = this.#look(looking, text, at);
      this.#seen.set(text, next);
      return next;
    };
  }

  /** Texts that were changed, with what stands in their place. */
  changed(): ReadonlyMap<string, string> {
    return new Map([...this.#seen].filter(([text, next]) => text !== next));
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

  #look(looking: readonly Guard[], text: string, at: () => string): string {
    let current = text;
    let hits = guardKeywords.hits(current);
    for (const guard of looking) {
      const matches = guard.scan(current, hits);
      const action = this.#policy[guard.name];
      if (matches.length === 0 || action === "off") continue;
      for (const { rule, severity, detail } of matches) {
        if (this.findings.length >= maxFindings && action !== "deny") break;
        this.findings.push({ guard: guard.name, rule, severity, action, at: at(), detail });
      }
      if (action !== "redact") continue;
      current = redacted(current, matches);
      hits = guardKeywords.hits(current);
    }
    return current;
  }
}

/** Looks at a call before it goes to a model. Pure. */
export function guardCall(call: ModelCall, policy: GuardPolicy): GuardedCall {
  const inspection = new Inspection(policy, "request");
  if (inspection.idle) return { call, findings: [] };
  const everything = inspection.rule(() => true);
  const trusted = inspection.rule((name) => name !== "injection");

  const turns = mapped(call.turns, (turn, i) => {
    const place: Place = { key: String(i), within: { key: "turns", within: undefined } };
    const parts = { key: "parts", within: place };
    const next = mapped(turn.parts, (part, j) =>
      rewritten(part, turn.role === "user" || isForeign(part) ? everything : trusted, {
        key: String(j),
        within: parts,
      }),
    );
    return next === turn.parts ? turn : { ...turn, parts: next };
  });
  const beside = { inputs: call.inputs, tools: call.tools, form: call.form, stop: call.stop };
  const rest = rewritten(beside, trusted);
  const changed = inspection.changed();
  const placed = new Set<string>();
  const raw = rewritten(call.raw, (text, at) => {
    const next = trusted(text, () => `/raw${at()}`);
    if (next !== text) placed.add(text);
    return next;
  });

  const { findings } = inspection;
  const denied = inspection.denied() ?? (raw === call.raw ? undisguised(call, changed, placed) : undefined);
  if (denied !== undefined) return { call, findings, denied };
  if (turns === call.turns && rest === beside && raw === call.raw) return { call, findings };
  const { inputs, ...others } = rest;
  return { call: { ...call, ...others, turns, raw, ...(inputs && { inputs }) }, findings };
}

/** Looks at a whole reply before it is shown. Pure. */
export function guardReply(reply: Reply, policy: GuardPolicy): GuardedReply {
  const inspection = new Inspection(policy, "reply");
  if (inspection.idle) return { reply, findings: [] };
  const choices = rewritten(
    reply.choices,
    inspection.rule(() => true),
    { key: "choices", within: undefined },
  );
  const { findings } = inspection;
  const denied = inspection.denied();
  if (denied !== undefined) return { reply, findings, denied };
  return { reply: choices === reply.choices ? reply : { ...reply, choices }, findings };
}

/** What a tool returned holds strangers' words, whoever says the turn. */
function isForeign(part: Part): boolean {
  return part.kind === "tool_result";
}

/**
 * A call whose text was redacted while its body, which some upstreams get as it came, was not: the text stands there in
 * another spelling. An empty body belongs to a call that Charter itself made.
 */
function undisguised(
  call: ModelCall,
  changed: ReadonlyMap<string, string>,
  placed: ReadonlySet<string>,
): Fault | undefined {
  if (Object.keys(call.raw).length === 0 || changed.size === placed.size) return undefined;
  return guardFault("guard.denied", "what a guard found could not be redacted in the body of the call", {
    remedy: "take it out of the text and send the call again",
  });
}

/** `map` that returns the same list when no item changed. */
function mapped<Item>(list: readonly Item[], change: (item: Item, index: number) => Item): readonly Item[] {
  let copy: Item[] | undefined;
  for (const [i, item] of list.entries()) {
    const next = change(item, i);
    if (next !== item) (copy ??= [...list])[i] = next;
  }
  return copy ?? list;
}
