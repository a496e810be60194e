// The independent verifier's door. It shares no code with the writer of the ledger; `npm run check:boundaries` holds it to that.
export { verifyLedger } from "./ledger.ts";
export { findLedger } from "./place.ts";
export { verifyProof } from "./proof.ts";
