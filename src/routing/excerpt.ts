// The part of a prompt that is read: bounded, without the tail that only asks for the answer, and with the options of a
// multiple-choice question told apart from its stem.

/** Characters read from the start and from the end of a long text; instructions stand at either end. */
export const excerptLimits = { head: 6000, tail: 2000 } as const;

/** Most options that are looked for; exams stop at J. */
const maxOptions = 10;

const answerTail = /\s*(?:\b(?:the )?(?:correct )?answer(?: is)?|\ba)\s*:\s*$/i;
const questionHead = /^\s*(?:question|q)\s*:\s*/i;
const optionLine = /^\s*\(?([A-Ja-j])\s*[.):]\s*(.*)$/;

/** A prompt as it is read. */
export interface Excerpt {
  /** The text, at most head + tail + 1 characters and a few for options: these are written alike, "A. Nile". */
  readonly text: string;
  readonly lines: readonly string[];
  /** Where the options begin; the length of the text when there are none. */
  readonly stemEnd: number;
  /** The options of a multiple-choice question, without their letters; empty when there are fewer than two. */
  readonly options: readonly string[];
}

/** Cuts a prompt down to what is read. */
export function excerptOf(prompt: string): Excerpt {
  const { head, tail } = excerptLimits;
  const bounded = prompt.length <= head + tail ? prompt : `${prompt.slice(0, head)}\n${prompt.slice(-tail)}`;
  const read = bounded.trim().replace(answerTail, "").replace(questionHead, "");
  const lines = read.split("\n");
  const options: string[] = [];
  const alike = [...lines];
  let stemEnd = read.length;
  let offset = 0;
  for (const [i, line] of lines.entries()) {
    const match = options.length < maxOptions && line.length > 1 ? optionLine.exec(line) : null;
    const letter = match?.[1]?.toUpperCase().charCodeAt(0);
    if (match?.[2] !== undefined && letter === 65 + options.length) {
      if (options.length === 0) stemEnd = offset;
      const option = match[2].trim();
      options.push(option);
      alike[i] = `${String.fromCharCode(letter)}. ${option}`;
    }
    offset += line.length + 1;
  }
  if (options.length < 2) return { text: read, lines, stemEnd: read.length, options: [] };
  return { text: alike.join("\n"), lines: alike, stemEnd, options };
}
