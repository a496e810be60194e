// Gemini's seals on its thoughts. In the neutral form they have a tag, because a conversation may be routed to models of
// several providers, and each refuses a call that brings it another's seal.

const tag = "gemini:";

/**
 * Stands for a seal that was lost or never existed, for instance because another provider's model asked for the tool. Google's
 * page "Thought Signatures" names it for histories that come from elsewhere.
 */
export const absentSeal = "skip_thought_signature_validator";

/** A seal as the neutral form holds it. */
export function tagSeal(signature: string): string {
  return tag + signature;
}

/** Gemini's seal without the tag; undefined for another provider's. */
export function ownSeal(signature: string | undefined): string | undefined {
  return signature?.startsWith(tag) === true ? signature.slice(tag.length) : undefined;
}
