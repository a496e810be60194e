// Tells text that was drawn at random from words, names and examples; what secrets are recognised by apart from their form.

/** Shannon's entropy of the characters of a text, bits per character (C. E. Shannon, 1948). */
export function entropyOf(text: string): number {
  const counts = new Map<number, number>();
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** What people write where a secret would stand. */
const standIn =
  /example|sample|placeholder|change[-_]?me|dummy|redacted|masked|your|insert|replace|fake|xxxx|\*\*\*|\.\.\.|000000|123456789|abcdefg|deadbeef/i;

/** Whether a text is an example, a mask or a gap to be filled in rather than a secret. */
export function isStandIn(text: string): boolean {
  return standIn.test(text);
}

/** What stands where a token's own form is shown: masks and runs that random text has once in millions. */
const mask = /example|x{5}|\*{3}|\.{3}|0{6}|12345678|abcdefg/i;

/** Whether a text in the form of a token is a mask or an example of that form. Words are too likely in random text. */
export function isMask(text: string): boolean {
  return mask.test(text);
}
