// Makes a failing simulation smaller: fewer hours, callers, acts and kinds of faults, as long as the same promise stays broken.
import { faultKinds } from "./faults.ts";
import { simulate } from "./simulation.ts";
import type { Result, Terms } from "./simulation.ts";

/** Which promise a simulation broke, in words that are the same for every seed. */
export function brokenPromise({ broken }: Result): string | undefined {
  if (broken === undefined) return undefined;
  return "promise" in broken ? String(broken.promise) : broken.message;
}

/** Smaller simulations to try next, the smallest first. */
function smallerThan(terms: Terms, hours: number): Terms[] {
  const { callers, acts, without } = terms;
  const shares = [0.25, 0.5, 0.75];
  return [
    // What came after the break is not needed.
    ...(hours < terms.hours ? [{ ...terms, hours }] : []),
    ...shares.map((share) => ({ ...terms, acts: Math.max(1, Math.floor(acts * share)) })),
    ...shares.map((share) => ({ ...terms, callers: Math.max(1, Math.floor(callers * share)) })),
    ...faultKinds.filter((kind) => !without.includes(kind)).map((kind) => ({ ...terms, without: [...without, kind] })),
  ].filter((each) => JSON.stringify(each) !== JSON.stringify(terms));
}

/** The smallest that breaks the same promise, after at most so many tries. */
export async function minimised(found: Result, tries: number): Promise<Result> {
  const promise = brokenPromise(found);
  let smallest = found;
  for (let left = tries, isSmaller = true; isSmaller && left > 0;) {
    isSmaller = false;
    for (const terms of smallerThan(smallest.terms, smallest.hours)) {
      if (left-- <= 0) break;
      const result = await simulate(terms);
      // One that takes longer to break is no help to who reads it.
      if (brokenPromise(result) !== promise || result.steps > smallest.steps) continue;
      [smallest, isSmaller] = [result, true];
      break;
    }
  }
  return smallest;
}
