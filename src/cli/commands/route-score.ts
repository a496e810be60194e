// `charter route score`: how strong a model each prompt needs, as the gateway's analyser judges. It works on this
// machine; no server is asked.
//
// One answer for each line that is not blank, in order, as soon as it can be given. A line that is not a question stops the
// run after the answers before it, with exit code 1. Keys other than "prompt" are let through, so that a data set's own lines
// can be piped in.
import { once } from "node:events";
import type { Analyser, AnalyserKind } from "../../routing/index.ts";
import type { CommandBody } from "../command.ts";
import { complain, printable } from "../io.ts";
import { linesOf, maxLineLength } from "../lines.ts";
import { exitCodes, UsageError } from "../syntax.ts";

/** `charter route score` */
export const routeScore: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options: [{ name: "analyser", value: "KIND", summary: "calibrated (default) or classic, the keyword rules" }],
  examples: [
    {
      line: `route score <<< '{"prompt":"What is the capital of France?"}'`,
      does: 'prints {"score":...,"level":...}: 0 to 1 and 1 to 5, higher needs a stronger model',
    },
    { line: "route score --analyser classic < prompts.jsonl", does: "scores a file of prompts by the keyword rules" },
  ],
  run: async ({ io, options }) => {
    const { analyserKinds, openAnalyser } = await import("../../routing/index.ts");
    const kind = options.text("analyser") ?? "calibrated";
    const isKind = (name: string): name is AnalyserKind => analyserKinds.some((each) => each === name);
    if (!isKind(kind)) throw new UsageError(`--analyser must be ${analyserKinds.join(" or ")}, not ${kind}`);
    const analyser = openAnalyser(kind);
    let number = 0;
    for await (const lines of linesOf(io.stdin)) {
      let output = "";
      let complaint: string | null = null;
      for (const line of lines) {
        number += 1;
        if (line.trim() === "") continue;
        const answer = answerTo(analyser, line);
        complaint = "complaint" in answer ? answer.complaint : null;
        if ("complaint" in answer) break;
        output += `${JSON.stringify(answer)}\n`;
      }
      if (output !== "" && !io.stdout.write(output)) await once(io.stdout, "drain");
      if (complaint !== null) {
        complain(io, printable(`charter: line ${number}: ${complaint}`));
        return exitCodes.refused;
      }
    }
    return exitCodes.ok;
  },
};

function answerTo(
  analyser: Analyser,
  line: string,
): { readonly score: number; readonly level: number } | { readonly complaint: string } {
  if (line.length > maxLineLength) return { complaint: "it is too long" };
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { complaint: "it is not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { complaint: "it is not a JSON object" };
  const prompt = "prompt" in value ? value.prompt : undefined;
  if (typeof prompt !== "string") return { complaint: "prompt must be a text" };
  const { score, level } = analyser.analyse(prompt);
  return { score, level };
}
