// Checks the floors of the house. A cruise that sees no modules proves nothing, so the count is asserted too.
import { cruise } from "dependency-cruiser";
import type { ICruiseResult } from "dependency-cruiser";
import rules from "../boundaries.mjs";

/** Fewest modules a real cruise of this tree sees; below it the parser has silently failed. */
const fewestModules = 30;

/** Cruises folders and returns one line per violation, with how many modules were seen. */
export async function cruiseBoundaries(folders: readonly string[], baseDir = process.cwd()) {
  const { forbidden, options } = rules;
  const report = await cruise([...folders], { ...options, baseDir, ruleSet: { forbidden }, validate: true } as never);
  const result = report.output as ICruiseResult;
  const violations = result.summary.violations
    .filter((violation) => violation.rule.severity === "error")
    .map((violation) => `${violation.rule.name}: ${violation.from} -> ${violation.to}`);
  return { violations, modules: result.summary.totalCruised };
}

if (import.meta.main) {
  const { violations, modules } = await cruiseBoundaries(["src"]);
  for (const violation of violations) console.error(violation);
  if (modules < fewestModules) console.error(`only ${modules} modules were seen: the cruise did not read the tree`);
  else console.log(`boundaries: ${modules} modules, ${violations.length} violations`);
  process.exitCode = violations.length > 0 || modules < fewestModules ? 1 : 0;
}
