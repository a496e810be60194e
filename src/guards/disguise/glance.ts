// Tells quickly that a text holds no disguise, which is so for almost every prompt: one pass over its characters.

/** Kinds of characters. */
const inRun = 1;
const isDigit = 2;
const isSign = 4;
const isControl = 8;
const isMark = 16;
/** How many letters or groups of one length follow each other, and how long they are, before they are taken for something cut. */
const fewestAlike = 2;
const leastAlike = 20;
/** Lines of encoded text are at least so long; how many of them stand between others. */
const shortestLine = 4;
const fewestLines = 1;
/** Shortest run of letters and digits that may be encoded; few words of prose are as long. */
const shortestRun = 16;
/** A name of words in small letters, as most keys of a body are: what it is made of is no encoding, and shows what it is. */
const name = /^[a-z]{2,}(?:[_-][a-z]{2,})*$/;
/** A longer one may be hexadecimal digits. */
const longestName = 31;
/** Fewer digits cannot spell a token byte by byte. */
const fewestDigits = 12;

const kinds = new Uint8Array(128).fill(isControl, 0, 32);
kinds.fill(0, 9, 11);
kinds[13] = 0;
kinds[127] = isControl;
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_") {
  kinds[character.charCodeAt(0)] = /\d/.test(character) ? inRun | isDigit : inRun;
}
for (const character of " \n.,|*~/\\_:;!#+'\"-")
  kinds[character.charCodeAt(0)] = (kinds[character.charCodeAt(0)] ?? 0) | isMark;
for (const character of "%\\&=<(+") kinds[character.charCodeAt(0)] = (kinds[character.charCodeAt(0)] ?? 0) | isSign;

const escape =
  /%u?[0-9a-fA-F]{2}|\\[ux'0-9a-fA-FU]|[Uu]\+[0-9a-fA-F]{4}|[cC][hH]r?[rR]?\(|[\w.-](?:<\/?[a-zA-Z]|<!--)|&[#a-zA-Z]|=[0-9A-F]{2}|=[ \t]{0,4}\r?\n/;

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

/** The same for a text that nothing is asked about again. */
export function isSuspicious(text: string): boolean {
  let run = 0;
  let seen = 0;
  let digits = 0;
  let mark = 0;
  let step = 0;
  let alike = 0;
  let line = -1;
  let lines = 0;
  let beforeReturn = 0;
  let isName: boolean | undefined;
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
    if (run >= shortestRun) {
      isName ??= text.length <= longestName && name.test(text);
      if (!isName) return true;
    }
    seen |= kind;
    // Letters one by one, or groups of one length, with a mark between each two of them.
    if ((kind & isMark) !== 0) {
      const length = i - mark;
      alike = length === step ? alike + 1 : 0;
      step = length;
      mark = i;
      if (alike >= fewestAlike && alike * length >= leastAlike) return true;
    }
    digits += (kind & isDigit) >> 1;
  }
  last.digits = digits;
  if ((seen & isControl) !== 0 || digits >= fewestDigits) return true;
  return (seen & isSign) !== 0 && escape.test(text);
}

/** Whether marks stand at one distance from each other, several times in a row. */
export function isRegular(text: string): boolean {
  let mark = 0;
  let step = 0;
  let alike = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || ((kinds[code] as number) & isMark) === 0) continue;
    const length = i - mark;
    alike = length === step ? alike + 1 : 0;
    if (alike >= fewestAlike && alike * length >= leastAlike) return true;
    step = length;
    mark = i;
  }
  return false;
}
