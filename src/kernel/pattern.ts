// Names with stars. Pure.

/**
 * Whether a text begins with the words of the pattern in their order, with anything where it has a star. The text may be a
 * pattern itself: one that fits stands for no text that the other does not stand for.
 */
export function fitsPattern(pattern: string, text: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return text === pattern;
  const tail = rest.pop() ?? "";
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length) return false;
  let at = head.length;
  const end = text.length - tail.length;
  for (const word of rest) {
    const found = text.indexOf(word, at);
    if (found < 0 || found + word.length > end) return false;
    at = found + word.length;
  }
  return true;
}
