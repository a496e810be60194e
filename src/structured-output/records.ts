// What agents of a council answer with: votes, syntheses and patterns, as typed records with the bounds of the predecessor.
// A vote or a synthesis that is wrong is an error, because something waits for it; wrong patterns are dropped with a report,
// because they are only advice.
import { outputFault } from "./errors.ts";
import { parseData, parseValue } from "./data.ts";
import type { DataKinds } from "./data.ts";
import type { Parsed, Refusal } from "./refusal.ts";
import { schemaCompiler } from "./schema.ts";
import type { SchemaCheck } from "./schema.ts";

/** A vote of one agent. */
export interface Vote {
  readonly decision: "approve" | "conditional" | "reject";
  /** Between 0 and 1. */
  readonly confidence: number;
  readonly reasoning: string;
  readonly concerns: readonly string[];
}

/** One step of a plan. */
export interface PlannedAction {
  /** 1 is the most urgent, 100 the least. */
  readonly priority: number;
  readonly type: "fix" | "improve" | "refactor" | "test";
  readonly issue: string;
  readonly agent: string;
}

/** What a supervisor makes of many reviews. */
export interface Synthesis {
  readonly synthesis_reasoning: string;
  readonly action_plan: readonly PlannedAction[];
}

/** A cause that a supervisor sees behind several failures. */
export interface Pattern {
  readonly pattern_type: "skill_gap" | "agent_conflict" | "process_issue";
  readonly root_cause: string;
  readonly suggested_fix: string;
  readonly agents: readonly string[];
  /** Between 0 and 1; 0.5 where the model gave none. */
  readonly confidence: number;
}

/** Patterns, and why there are none when there are none. */
export interface PatternReport {
  readonly patterns: readonly Pattern[];
  readonly refusals: readonly Refusal[];
}

const text = (maxLength: number, minLength = 0) => ({ type: "string", minLength, maxLength });
const record = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []) => ({
  type: "object",
  additionalProperties: false,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});
const share = { type: "number", minimum: 0, maximum: 1 };
/** Names of agents have 2 to 100 characters. */
const agentName = text(100, 2);
/** The documents bound the number of concerns and not their length; this is what fits the reasoning next to them. */
const concern = text(500, 1);

const voteSchema = record(
  {
    decision: { enum: ["approve", "conditional", "reject"] },
    confidence: share,
    reasoning: text(2000),
    concerns: { type: "array", maxItems: 10, items: concern },
  },
  ["concerns"],
);
const synthesisSchema = record({
  synthesis_reasoning: text(2000, 10),
  action_plan: {
    type: "array",
    minItems: 1,
    maxItems: 50,
    items: record({
      priority: { type: "integer", minimum: 1, maximum: 100 },
      type: { enum: ["fix", "improve", "refactor", "test"] },
      issue: text(1000, 5),
      agent: agentName,
    }),
  },
});
const patternsSchema = {
  type: "array",
  maxItems: 20,
  items: record(
    {
      pattern_type: { enum: ["skill_gap", "agent_conflict", "process_issue"] },
      root_cause: text(500, 1),
      suggested_fix: text(1000),
      agents: { type: "array", maxItems: 10, items: agentName },
      confidence: share,
    },
    ["suggested_fix", "agents", "confidence"],
  ),
};

/** All texts of these records are for people; none is put into a page, a statement or a command as it is. */
const kinds: DataKinds = {};

/** Reads the records. */
export interface RecordReader {
  /** @throws `output.refused` with what is wrong. */
  vote(answer: string): Vote;
  /** @throws `output.refused` with what is wrong. */
  synthesis(answer: string): Synthesis;
  /** The patterns, or none and why. */
  patterns(answer: string): PatternReport;
  /** The same as `synthesis` for an answer that may be JSON already, without throwing. */
  checkSynthesis(answer: string | object): Parsed<Synthesis>;
}

/** A reader with its schemas compiled. */
export function recordReader(): RecordReader {
  const compiler = schemaCompiler();
  const [votes, syntheses, patterns] = [voteSchema, synthesisSchema, patternsSchema].map((schema) =>
    compiler.compile(schema),
  );
  const read = <Kind>(answer: string | object, schema: SchemaCheck | undefined): Parsed<Kind> =>
    (typeof answer === "string" ? parseData(answer, schema, kinds) : parseValue(answer, schema, kinds)) as Parsed<Kind>;

  return {
    vote: (answer) => {
      const vote = demanded("vote", read<Omit<Vote, "concerns"> & Partial<Vote>>(answer, votes));
      return { ...vote, concerns: vote.concerns ?? [] };
    },
    synthesis: (answer) => demanded("synthesis", read<Synthesis>(answer, syntheses)),
    patterns: (answer) => {
      const parsed = read<readonly (Pick<Pattern, "pattern_type" | "root_cause"> & Partial<Pattern>)[]>(
        answer,
        patterns,
      );
      if (!parsed.valid) return { patterns: [], refusals: parsed.refusals };
      const whole = parsed.value.map((each) => ({ suggested_fix: "", agents: [], confidence: 0.5, ...each }));
      return { patterns: whole, refusals: [] };
    },
    checkSynthesis: (answer) => read<Synthesis>(answer, syntheses),
  };
}

function demanded<Kind>(what: string, parsed: Parsed<Kind>): Kind {
  if (parsed.valid) return parsed.value;
  const [first] = parsed.refusals;
  throw outputFault(
    "output.refused",
    `the ${what}${first?.at ? ` at ${first.at}` : ""} ${first?.reason ?? "is wrong"}`,
    {
      ...(first && { at: first.at }),
      remedy: "ask the model again for the form that was described",
    },
  );
}
