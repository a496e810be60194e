// A provider's seal on reasoning, carried through the Responses dialect in the one field that clients send back unread.
// The prefix tells Charter's own values from OpenAI's, which only its own API can read.

const signature = "charter:signature:";
const redacted = "charter:redacted:";

/** What a provider needs to recognise its own reasoning. */
export interface ReasoningSeal {
  readonly signature?: string;
  readonly redacted?: string;
}

/** The `encrypted_content` that carries a seal; undefined where there is none. */
export function sealReasoning(seal: ReasoningSeal): string | undefined {
  if (seal.redacted !== undefined) return redacted + seal.redacted;
  return seal.signature === undefined ? undefined : signature + seal.signature;
}

/** The seal in an `encrypted_content`; undefined where it is absent or OpenAI's own. */
export function unsealReasoning(content: string | undefined): ReasoningSeal | undefined {
  if (content?.startsWith(signature) === true) return { signature: content.slice(signature.length) };
  if (content?.startsWith(redacted) === true) return { redacted: content.slice(redacted.length) };
  return undefined;
}
