// The command line of the simulator.
import { parseArgs } from "node:util";
import { minimised } from "./minimise.ts";
import { simulate } from "./simulation.ts";
import type { Result, Terms } from "./simulation.ts";

const clock = process.hrtime;

const options = {
  seed: { type: "string", default: "1" },
  seeds: { type: "string" },
  hours: { type: "string", default: "1" },
  callers: { type: "string", default: "5" },
  acts: { type: "string", default: "30" },
  without: { type: "string", default: "" },
  seconds: { type: "string", default: "Infinity" },
  minimise: { type: "string", default: "0" },
  mutation: { type: "string" },
  stop: { type: "boolean", default: false },
  forever: { type: "boolean", default: false },
  steps: { type: "boolean", default: false },
} as const;

/** Runs what is asked for; resolves with the exit status: 1 when a promise was broken. */
export async function command(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  const first = Number(values.seed);
  const count = values.forever ? Number.POSITIVE_INFINITY : Number(values.seeds ?? 1);
  const terms = {
    hours: Number(values.hours),
    callers: Number(values.callers),
    acts: Number(values.acts),
    without: values.without === "" ? [] : values.without.split(","),
  };
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const tries = Number(values.minimise);
  const [beganSeconds] = clock();
  let failures = 0;
  for (let seed = first; seed < first + count; seed++) {
    const [seedSeconds] = clock();
    if (seedSeconds - beganSeconds >= Number(values.seconds)) break;
    const result = await simulate({ ...terms, seed }, values.steps ? say : undefined);
    say(`${lineOf(result)} in ${clock()[0] - seedSeconds} s`);
    if (result.broken === undefined) continue;
    failures++;
    if (count === 1) say(`  ${result.broken.stack}`);
    say(`  again: ${again(result.terms, values.mutation)}`);
    if (tries > 0) {
      const smallest = await minimised(result, tries);
      say(`  smallest: ${lineOf(smallest)}`);
      say(`  again: ${again(smallest.terms, values.mutation)}`);
    }
    if (values.stop) break;
  }
  return failures === 0 ? 0 : 1;
}

function lineOf({ terms, trace, steps, hours, acts, ends, broken }: Result): string {
  const what = broken === undefined ? "holds" : `BROKEN ${broken.message.slice(0, 300)}`;
  return `seed ${terms.seed} trace ${trace}: ${hours.toFixed(2)} h, ${steps} steps, ${acts} acts, ${ends} ends: ${what}`;
}

/** The command that does it again. */
function again({ seed, hours, callers, acts, without }: Terms, mutation: string | undefined): string {
  const less = without.length === 0 ? "" : ` --without '${without.join(",")}'`;
  const mistake = mutation === undefined ? "" : ` '--mutation=${mutation}'`;
  return `npm run sim -- --seed ${seed} --hours ${hours} --callers ${callers} --acts ${acts}${less}${mistake}`;
}
