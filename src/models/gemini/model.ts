// What can be asked of a Gemini model by its name: generations differ in how they reason and in what they check.

/** Tells versions apart: 2.05 is Gemini 2.5. Infinite for a name without a version, such as `gemini-flash-latest`. */
export function geminiVersion(model: string): number {
  const found = versionForm.exec(model);
  return found === null ? Number.POSITIVE_INFINITY : Number(found[1]) + Number(found[2] ?? 0) / 100;
}

const versionForm = /gemini-(\d+)(?:\.(\d+))?/;

/** From Gemini 3 on: levels of thinking, checked thought signatures, media in results, JSON replies together with tools. */
export function isThirdGeneration(model: string): boolean {
  return geminiVersion(model) >= 3;
}
