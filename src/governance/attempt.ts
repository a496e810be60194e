// The words of an act: what is attempted, what was done, and what the caller gets to prove it with.
import type { DecisionRequest } from "../constitution/index.ts";
import type { Confirm, Effect } from "../db/index.ts";
import type { OperationName } from "../kernel/operation.ts";
import type { Digest } from "../kernel/hash.ts";
import type { LeafFacts } from "../ledger/index.ts";
import type { Authority } from "./attenuation.ts";
import type { UnknownEffect } from "./transaction.ts";
import type { Finding, ThreatInput } from "./threats/index.ts";

/** What the caller knows about an attempt; the gate adds who, when and which constitution. */
export interface Attempt {
  /** Name of the operation, from the list of operations. */
  readonly operation: OperationName;
  /** What is acted on, as leaves name it: `artifact/<id>`. */
  readonly resource: string;
  readonly action: DecisionRequest["action"];
  readonly target: DecisionRequest["resource"];
  /** The resource is not there; an attempt on it is recorded and can do no harm, so it halts nothing. */
  readonly absent?: boolean;
  /** Facts that differ from the ordinary: complete and hashed, nothing locked, no exception asked. */
  readonly context?: Partial<DecisionRequest["context"]>;
  /** What the detectors may look at other than who asks for what. */
  readonly evidence?: Partial<Pick<ThreatInput, "client" | "metadata" | "content" | "storage" | "collision">>;
  /** What this would pass on; a caller that holds less is refused. See `attenuation.ts`. */
  readonly grants?: readonly Authority[];
  /** It ends the caller's own session, which neither a halt nor a suspension is to prevent. */
  readonly endsOwnSession?: true;
  /** Digest of what is proposed, where it is known beforehand. */
  readonly digest?: Digest;
}

/** What an act resolved with: its value, and the digest of the record it made. */
export interface ActResult<T> {
  readonly value: T;
  readonly digest?: Digest;
  /** What was learned of the content while it was taken; the detectors look again, and what they find is recorded. */
  readonly content?: ThreatInput["content"];
  /** What the operation puts on record of its own, in the outcome's leaf. */
  readonly facts?: LeafFacts;
}

/** An act that was allowed and whose intent is on its way into the ledger. */
export interface ActHandle {
  /** The intent's index, once it is durable; rejects when it cannot be, and then nothing of the act may be seen. */
  readonly intent: Promise<number>;
  /** Puts what is found out on the way on record with the outcome. */
  report(finding: Finding): void;
  /** @throws Why the act may not go on, by what is known in memory: its caller, a halt or the constitution. */
  hold(): void;
  /** The same by what the database says, in the transaction of the effect. */
  readonly confirm: Confirm;
  /** Leaves the act without an outcome until it is known whether it took effect; rejects with what the caller is told. */
  leaveOpen(unknown: UnknownEffect): Promise<never>;
  /** Ends the act as done; resolves when the outcome is durable. */
  finish<T>(result: ActResult<T>): Promise<Receipted<T>>;
  /**
   * Ends the act as refused or failed and rejects with the fault, which carries the leaf indexes.
   * @param isApplied It had taken effect before it failed, and is on record as such.
   */
  fail(error: unknown, facts?: LeafFacts, isApplied?: boolean): Promise<never>;
}

/** What an act is carried out with. */
export interface Act extends Effect {
  readonly intentIndex: number;
  /**
   * Looks again at what the decision rests on: the caller's credential, its permission, halts and the constitution. Rejects
   * with the refusal. An act that is done without it has failed.
   */
  readonly confirm: Confirm;
  /** Puts a finding on record with the outcome, whatever that is; it blocks nothing, because it has happened. */
  readonly report: (finding: Finding) => void;
}

/** Carries an act out. */
export type Run<T> = (act: Act) => Promise<ActResult<T>>;

/** What the caller gets to prove the act with. */
export interface Receipt {
  readonly decision: {
    readonly allow: boolean;
    readonly articles: readonly string[];
    readonly policies: readonly string[];
  };
  readonly intentIndex: number;
  readonly outcomeIndex: number;
  readonly constitutionHash: string;
}

/** The value of an act and its receipt; `findings` are those that did not block. */
export interface Receipted<T> {
  readonly value: T;
  readonly receipt: Receipt;
  readonly findings: readonly Finding[];
}
