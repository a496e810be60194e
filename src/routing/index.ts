// The entry point of the analyser: opens one by its kind.
import type { Analyser, AnalyserKind, Hints } from "./analyser.ts";
import { CalibratedAnalyser } from "./calibrated.ts";
import { classicAnalysis } from "./classic.ts";
import { modelFrom } from "./model.ts";
import type { PackedModel } from "./model.ts";
import weights from "./weights.json" with { type: "json" };

export { analyserKinds } from "./analyser.ts";
export type { Analyser, AnalyserKind, Analysis, Hints, Level, LevelName, Reason } from "./analyser.ts";

/** Opens an analyser. The calibrated one reads its weights here, once, in some milliseconds. */
export function openAnalyser(kind: AnalyserKind): Analyser {
  if (kind === "classic") return { analyse: (text: string, _hints?: Hints) => classicAnalysis(text) };
  return new CalibratedAnalyser(modelFrom(weights satisfies PackedModel));
}
export { strategies, tierFor } from "./strategy.ts";
export type { Strategy } from "./strategy.ts";
