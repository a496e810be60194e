// A receipt as people read it: where in the ledger an act stands.
import { fieldNumber } from "./record.ts";

/** `ledger entries 12 and 13`, from an answer that holds a receipt. */
export function receiptText(answer: unknown): string {
  const intent = fieldNumber(answer, "receipt.intent_index");
  const outcome = fieldNumber(answer, "receipt.outcome_index");
  if (intent === undefined) return "no receipt";
  return outcome === undefined ? `ledger entry ${intent}` : `ledger entries ${intent} and ${outcome}`;
}
