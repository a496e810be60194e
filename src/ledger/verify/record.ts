// What an entry says, checked on its own: it is RFC 8785 JSON, it has the fields a leaf has and no others, and every
// field has its form. The shape is declared here again, on purpose, apart from the writer's. A leaf has format 1 or 2:
// format 1 has camelCase names and may have `call`, format 2 has snake_case names and may have `facts`, whose shape alone
// is checked. A log may begin in format 1 and go on in format 2.

/** The facts of a leaf that later leaves are checked against. */
export interface RecordFacts {
  readonly kind: string;
  /** The intent an outcome or finding belongs to. */
  readonly intent: number | undefined;
}

type Form = (value: unknown) => boolean;

const text: Form = (value) => typeof value === "string" && value !== "" && value.isWellFormed();
const texts: Form = (value) => Array.isArray(value) && value.every(text);
const matches =
  (pattern: RegExp): Form =>
  (value) =>
    typeof value === "string" && pattern.test(value);
const oneOf =
  (...names: readonly string[]): Form =>
  (value) =>
    typeof value === "string" && names.includes(value);

const count: Form = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const digest = matches(/^sha256:[0-9a-f]{64}$/);
const flag: Form = (value) => typeof value === "boolean";
const callForms: Readonly<Record<string, Form>> = {
  model: text,
  tier: count,
  reasons: texts,
  attempts: count,
  streamed: flag,
  cache: oneOf("hit", "miss", "bypass"),
  finish: text,
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  reasoningTokens: count,
  estimated: flag,
  prompt: digest,
};
/** What a call's record has where it is known: who answered, what it cost and was charged, the digest of what was answered, its
 * form, and names of what was asked for other than words. */
const callOptions: Readonly<Record<string, Form>> = {
  deployment: text,
  microdollars: count,
  chargedTokens: count,
  chargedMicrodollars: count,
  reply: digest,
  schema: oneOf("valid", "invalid", "unchecked"),
  serviceTier: text,
  governedParameters: texts,
  unknownParameters: texts,
  droppedParameters: texts,
};

/** The fields that both formats have under the same name, but for `v`. */
const common: Readonly<Record<string, Form>> = {
  kind: oneOf("intent", "outcome", "finding", "admin"),
  time: (value) => typeof value === "string" && isInstant(value),
  principal: text,
  product: text,
  operation: text,
  resource: text,
  digest,
  decision: (value) => hasExactly(value, { allow: flag, articles: texts, policies: texts }),
  intent: count,
  outcome: oneOf("committed", "refused", "failed", "interrupted"),
  code: text,
  finding: (value) => hasExactly(value, { threat: text, severity: text, pattern: text }),
  note: text,
};
const principalKind = oneOf("ai_agent", "executor", "product", "auditor", "admin", "anonymous", "system");
const constitutionHash = matches(/^[0-9a-f]{16}$/);
const call: Form = (value) => hasExactly(value, callForms, callOptions);

/** The fields of a leaf in one format, and those that every kind must have. */
interface Format {
  readonly fields: Readonly<Record<string, Form>>;
  readonly required: readonly string[];
}
const always = ["v", "kind", "time", "principal", "operation"];
const format1: Format = {
  fields: { ...common, v: (value) => value === 1, principalKind, constitutionHash, requestId: text, call },
  required: [...always, "principalKind", "constitutionHash", "requestId"],
};
const format2: Format = {
  fields: {
    ...common,
    v: (value) => value === 2,
    actor: text,
    principal_kind: principalKind,
    constitution_hash: constitutionHash,
    request_id: text,
    facts: areFacts,
  },
  required: [...always, "principal_kind", "constitution_hash", "request_id"],
};
/** Fields that a kind must have beyond the required ones, and fields that only it may have. */
const kinds: Readonly<Record<string, { readonly must: readonly string[]; readonly may: readonly string[] }>> = {
  outcome: { must: ["intent", "outcome"], may: ["intent", "outcome", "call"] },
  finding: { must: ["finding"], may: ["intent", "finding"] },
};
const bound = ["intent", "outcome", "finding", "call"];

/** Most facts of a leaf; longest name of one in characters, and longest text in UTF-16 units. */
const [maxFacts, maxFactNameLength, maxFactTextLength] = [64, 64, 8192];

/** Whether a value is a flat map of strings, integers and booleans under snake_case names. */
function areFacts(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const facts = Object.entries(value);
  const isFact = ([name, fact]: readonly [string, unknown]): boolean =>
    name.length <= maxFactNameLength &&
    /^[a-z][a-z0-9_]*$/.test(name) &&
    (typeof fact === "string"
      ? fact.length <= maxFactTextLength && fact.isWellFormed()
      : flag(fact) || Number.isSafeInteger(fact));
  return facts.length <= maxFacts && facts.every(isFact);
}

/** Reads one entry; a string is the sentence that says what is wrong with it. */
export function readRecord(entry: Uint8Array): RecordFacts | string {
  const source = decode(entry);
  if (source === undefined) return "the entry is not UTF-8";
  const value = parse(source);
  if (!isRecord(value)) return "the entry is not a JSON object";
  const wrong = wrongField(value);
  if (wrong !== undefined) return wrong;
  // The shape is known to be shallow now, so that writing it out again is bounded.
  if (canonical(value) !== source) return "the entry is not canonical JSON (RFC 8785)";
  return { kind: String(value["kind"]), intent: typeof value["intent"] === "number" ? value["intent"] : undefined };
}

function wrongField(record: Readonly<Record<string, unknown>>): string | undefined {
  const { fields, required } = record["v"] === 1 ? format1 : format2;
  for (const [name, value] of Object.entries(record)) {
    const form = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (form === undefined) return `the entry has the unknown field ${JSON.stringify(name.slice(0, 64))}`;
    if (!form(value)) return `the entry's field ${name} is malformed`;
  }
  const kind = kinds[String(record["kind"])];
  const missing = [...required, ...(kind?.must ?? [])].find((name) => !Object.hasOwn(record, name));
  if (missing !== undefined) return `the entry lacks the field ${missing}`;
  const foreign = bound.find((name) => Object.hasOwn(record, name) && kind?.may.includes(name) !== true);
  return foreign === undefined ? undefined : `an entry of kind ${String(record["kind"])} has no field ${foreign}`;
}

/** Whether a value is an object that has these fields, perhaps some of the others, and nothing else. */
function hasExactly(
  value: unknown,
  forms: Readonly<Record<string, Form>>,
  options: Readonly<Record<string, Form>> = {},
): boolean {
  if (!isRecord(value)) return false;
  return (
    Object.keys(forms).every((name) => Object.hasOwn(value, name)) &&
    Object.entries(value).every(([name, field]) => {
      const form = Object.hasOwn(forms, name) ? forms[name] : Object.hasOwn(options, name) ? options[name] : undefined;
      return form?.(field) === true;
    })
  );
}

/** RFC 8785 for the values a leaf can hold: strings, booleans, safe integers, arrays of strings, flat objects. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** RFC 3339 UTC with milliseconds, of a day that exists. */
function isInstant(value: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$/.test(value)) return false;
  const timeMs = Date.parse(value);
  return !Number.isNaN(timeMs) && new Date(timeMs).toISOString() === value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decode(entry: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(entry);
  } catch {
    return undefined;
  }
}

function parse(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}
