// A fault is a refusal or failure that a caller may read: a stable code, a public sentence and public facts.
// What went wrong inside stays in `cause`, which is logged and never sent.

/** Public facts that explain a fault and what would make the request pass. */
export interface FaultFacts {
  /** The constitution's articles that determined a denial. */
  readonly articles?: readonly string[];
  /** The policies that determined a denial. */
  readonly policies?: readonly string[];
  /** The permission that the caller's role lacks. */
  readonly permission?: string;
  /** The named limit that was exceeded. */
  readonly limit?: string;
  /** What would make the request pass, as one sentence. */
  readonly remedy?: string;
  /** Where in the request the problem is, as a JSON pointer, header or query name. */
  readonly at?: string;
  /** How long to wait before trying again, seconds. */
  readonly retryAfterSeconds?: number;
  /** What a provider answered, where the fault is its refusal: its status, and its own words that are fit for callers. */
  readonly upstream?: {
    readonly status: number;
    readonly code?: string;
    readonly type?: string;
    readonly param?: string;
  };
  /** Findings of threat detectors, public part. */
  readonly findings?: readonly { readonly threat: string; readonly severity: string; readonly detail: string }[];
  /** The ledger leaf that recorded the refusal. */
  readonly intentIndex?: number;
  /** The ledger leaf that closed the refusal. */
  readonly outcomeIndex?: number;
}

/** A refusal or failure with a stable code; `message` is public, `cause` is not. */
export class Fault<Code extends string = string> extends Error {
  override readonly name = "Fault";
  readonly code: Code;
  readonly facts: FaultFacts;

  constructor(code: Code, detail: string, facts: FaultFacts = {}, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
  }
}

/** A domain's codes, each with its HTTP status and its public meaning. */
export type Codes = Readonly<Record<string, readonly [status: number, meaning: string]>>;

/** The code of whatever was thrown; `internal.error` for what is not a fault. */
export function codeOf(error: unknown): string {
  return error instanceof Fault ? error.code : "internal.error";
}

/** Makes a domain's fault constructor from its table of codes, so that only listed codes compile. */
export function faultsOf<const Table extends Readonly<Record<string, unknown>>>(
  _codes: Table,
): (code: keyof Table & string, detail: string, facts?: FaultFacts, cause?: unknown) => Fault<keyof Table & string> {
  return (code, detail, facts, cause) => new Fault(code, detail, facts, cause);
}
