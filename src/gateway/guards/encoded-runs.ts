// Finds long runs of base64 without looking at every character: a run of 40 cannot hide between two looks 40 apart.

/** A stretch of text. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/** Shortest run that is reported: 30 bytes, about the shortest order that says anything. */
const shortestRun = 40;
/** Longest part of a run that is reported; orders stand at its beginning or nowhere. */
const longestRun = 4096;

const isEncoded = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
  isEncoded[character.charCodeAt(0)] = 1;

/** The first runs of at least 40 base64 characters, at most `most` of them. */
export function longEncodedRuns(text: string, most: number): readonly Run[] {
  const runs: Run[] = [];
  for (let at = shortestRun - 1; at < text.length && runs.length < most; at += shortestRun) {
    if (isEncoded[text.charCodeAt(at)] !== 1) continue;
    let start = at;
    while (start > 0 && at - start < shortestRun && isEncoded[text.charCodeAt(start - 1)] === 1) start--;
    let end = at + 1;
    while (end < text.length && isEncoded[text.charCodeAt(end)] === 1) end++;
    if (end - start >= shortestRun) runs.push({ start, end: Math.min(end, start + longestRun) });
    // The next look is one stride behind the character that ended the run.
    at = end;
  }
  return runs;
}
