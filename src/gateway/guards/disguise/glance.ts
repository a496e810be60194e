// Tells quickly that a text holds no disguise, which is so for almost every prompt: one pass over its characters.

/** Kinds of characters. */
const inRun = 1;
const isDigit = 2;
const isSign = 4;
const isControl = 8;
const isMark = 16;
/** Letters that stand one by one before they are taken for words spelt out. */
const fewestSingle = 6;
/** Lines of encoded text are at least so long; how many of them stand between others. */
const shortestLine = 4;
const fewestLines = 1;
/** Shortest run of letters and digits that may be encoded; few words of prose are as long. */
const shortestRun = 20;
/** Fewer digits cannot spell a token byte by byte. */
const fewestDigits = 12;

const kinds = new Uint8Array(128).fill(isControl, 0, 32);
kinds.fill(0, 9, 11);
kinds[13] = 0;
kinds[127] = isControl;
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_") {
  kinds[character.charCodeAt(0)] = /\d/.test(character) ? inRun | isDigit : inRun;
}
for (const character of " .,|*~/\\_-") kinds[character.charCodeAt(0)] = (kinds[character.charCodeAt(0)] ?? 0) | isMark;
for (const character of "%\\&=") kinds[character.charCodeAt(0)] = (kinds[character.charCodeAt(0)] ?? 0) | isSign;

const escape = /%[0-9a-fA-F]{2}|\\[ux'0-3U]|&[#a-zA-Z]|=[0-9A-F]{2}|=[ \t]{0,4}\r?\n/;

/** Longer texts are not kept in mind. */
const longestKept = 16_384;

/** What was asked last: one guard after the other asks about the same text. */
const last = { text: "", answer: false, digits: 0 };

/** Whether a text may be disguised, or a part of it. */
export function mayBeDisguised(text: string): boolean {
  if (text.length > longestKept) return isSuspicious(text);
  if (last.text !== text) {
    last.text = text;
    last.answer = isSuspicious(text);
  }
  return last.answer;
}

/** Whether a text may hold a token in pieces: tokens hold digits, and those of one provider their beginning. */
export function mayBeSplit(text: string): boolean {
  return mayBeDisguised(text) || text.length > longestKept || last.digits > 0 || text.includes("hf_");
}

function isSuspicious(text: string): boolean {
  let run = 0;
  let seen = 0;
  let digits = 0;
  let mark = 0;
  let single = 0;
  let line = -1;
  let lines = 0;
  let beforeReturn = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return true;
    const kind = kinds[code] as number;
    // Lines that are nothing but a short run each.
    if (code === 10) {
      const length = text.charCodeAt(i - 1) === 13 ? beforeReturn : run;
      lines = length >= shortestLine && i - line <= length + 2 ? lines + 1 : 0;
      line = i;
      if (lines >= fewestLines) return true;
    } else if (code === 13) beforeReturn = run;
    // Counts on while characters of a run follow each other.
    run = (run + 1) & -(kind & inRun);
    if (run >= shortestRun) return true;
    seen |= kind;
    // Letters one by one, with a mark between each two of them.
    if ((kind & isMark) !== 0) {
      single = i === mark + 2 ? single + 1 : 0;
      mark = i;
      if (single >= fewestSingle) return true;
    }
    digits += (kind & isDigit) >> 1;
  }
  last.digits = digits;
  if ((seen & isControl) !== 0 || digits >= fewestDigits) return true;
  return (seen & isSign) !== 0 && escape.test(text);
}
