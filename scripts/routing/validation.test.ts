// The fit ranks prompts that it never saw, in halves; the committed weights are what such a fit makes of all prompts.
// The bounds lie under the measured figures (`npm run bench routing`) by what another seed moves them; 0.5 is random.
import { beforeAll, describe, expect, it } from "vitest";
import { openAnalyser } from "../../src/routing/index.ts";
import weights from "../../src/routing/weights.json" with { type: "json" };
import { samplesOf } from "./fitting.ts";
import type { Sample } from "./fitting.ts";
import { rankingOf } from "./gain.ts";
import { hasLabelled, readLabelled } from "./labelled.ts";
import type { LabelledSet } from "./labelled.ts";
import { crossValidated, familyGroup, scoresOn } from "./validation.ts";

const seed = 4;
const isThere = hasLabelled();
const why = isThere ? "" : " (skipped: the labelled prompts do not lie next to the project)";
if (!isThere) process.stderr.write(`skipped: the fit of the analyser${why}\n`);

/** The least APGR on the half that a fit did not see, and by the committed weights on all prompts. */
const bounds: Readonly<Record<LabelledSet, readonly [unseen: number, seen: number]>> = {
  gsm8k: [0.57, 0.63],
  mmlu: [0.64, 0.75],
  "nine-models": [0.7, 0.72],
};

describe.skipIf(!isThere)(`the fit of the analyser${why}`, () => {
  let samples: Sample[] = [];
  let unseen: ArrayLike<number> = [];
  const apgrOf = (set: LabelledSet, scores: (place: number) => number): number => {
    const places = [...samples.keys()].filter((place) => samples[place]?.set === set);
    return rankingOf(
      places.flatMap((place) => samples[place] ?? []),
      places.map(scores),
    ).apgr;
  };

  beforeAll(() => {
    samples = samplesOf(readLabelled());
    unseen = crossValidated(samples, seed, 2);
  });

  for (const [set, [onUnseen, onSeen]] of Object.entries(bounds) as [LabelledSet, readonly [number, number]][]) {
    it(`ranks the unseen half of ${set} well above chance, and above length and keywords`, () => {
      const apgr = apgrOf(set, (place) => unseen[place] ?? 0);
      expect(apgr).toBeGreaterThan(onUnseen);
      expect(apgr).toBeGreaterThan(apgrOf(set, (place) => samples[place]?.prompt.length ?? 0));
      const classic = openAnalyser("classic");
      expect(apgr).toBeGreaterThan(apgrOf(set, (place) => classic.analyse(samples[place]?.prompt ?? "").score));
    });

    it(`left committed weights that rank all of ${set}, and figures that the fit still reaches`, () => {
      const analyser = openAnalyser("calibrated");
      expect(apgrOf(set, (place) => analyser.analyse(samples[place]?.prompt ?? "").score)).toBeGreaterThan(onSeen);
      const [committed] = weights.provenance.figures[set].apgr;
      expect(Math.abs(apgrOf(set, (place) => unseen[place] ?? 0) - (committed ?? 0))).toBeLessThan(0.03);
    });
  }

  // One open family, one with options, and the largest of all.
  for (const group of ["word problems", "law exams", "short question"]) {
    it(`ranks ${group} above chance by weights that never saw any`, () => {
      const judged = samples.filter((sample) => familyGroup(sample) === group);
      const rest = samples.filter((sample) => familyGroup(sample) !== group);
      expect(rankingOf(judged, scoresOn(rest, judged, seed)).apgr).toBeGreaterThan(0.52);
    });
  }

  it("puts levels where the fit says: a tenth is nano, a tenth expert", () => {
    const analyser = openAnalyser("calibrated");
    const shares = [0, 0, 0, 0, 0];
    for (const { prompt } of samples) {
      const { level } = analyser.analyse(prompt);
      shares[level - 1] = (shares[level - 1] ?? 0) + 1 / samples.length;
    }
    for (const [i, share] of [0.1, 0.3, 0.3, 0.2, 0.1].entries()) expect(shares[i]).toBeCloseTo(share, 1.5);
  });
});
