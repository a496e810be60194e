// Bounds on Cedar texts, checked before Cedar sees them: its parser recurses, and a text that exhausts its stack would
// leave the engine itself damaged instead of being refused.
import { placeAt } from "../kernel/problem.ts";
import type { Problem } from "../kernel/problem.ts";

/** Deepest nesting of brackets; the parser was seen to fail at 150, and no policy that people read comes near 32. */
const maxNesting = 32;

/** Longest statement in characters, for chains of operators, which recurse too; the parser was seen to fail at 4000. */
const maxStatementLength = 2048;

/** What exceeds the bounds in a text, at its place; undefined when nothing does. Strings and comments count as well. */
export function excessIn(file: string, text: string): Problem | undefined {
  let depth = 0;
  let statementStart = 0;
  for (let offset = 0; offset < text.length; offset++) {
    const character = text[offset] ?? "";
    if ("([{".includes(character)) depth += 1;
    else if (")]}".includes(character)) depth -= 1;
    else if (character === ";") [depth, statementStart] = [0, offset + 1];
    if (depth > maxNesting)
      return { file, ...placeAt(text, offset), message: `brackets nest deeper than ${maxNesting}` };
    if (offset - statementStart > maxStatementLength) {
      return {
        file,
        ...placeAt(text, statementStart),
        message: `a statement is longer than ${maxStatementLength} characters`,
      };
    }
  }
  return undefined;
}
