// Places of a dialect's schema where a provider's seal or the bytes of a medium may stand, and the form of a seal.

/** A place: its path with `*` for any index, and what the records on it must say, from the innermost outwards. */
export interface Place {
  readonly kind: "seal" | "media";
  readonly path: string;
  readonly type?: readonly string[];
  /** How far above the text the record with that type stands; 0 is the record that holds the text. */
  readonly above?: number;
  /** The role of the turn, which is the third step of a path through messages. */
  readonly role?: "assistant";
}

/** What a provider may have sealed: letters of base64, behind the tags that Charter gives to seals it passes on. */
const seal = /^(?:(?:gemini|charter:signature|charter:redacted):){0,3}[A-Za-z0-9+/_-]{16,}={0,2}$/;

/** Whether a value has the form of a provider's seal. */
export function looksSealed(text: string): boolean {
  return seal.test(text);
}
