// `npm run test:cases`: runs the cases of the field (scripts/cases) and prints their PASS and FAIL lines and a count. Names, or
// beginnings of names, as arguments choose among them: `npm run test:cases -- 06 13`. Ends with 1 when one fails.
import { caseNames, casesFolder, runCase } from "./cases/run-cases.ts";

/** Most characters of a verdict that are printed. */
const maxLine = 240;

if (import.meta.main) {
  const asked = process.argv.slice(2);
  const names = caseNames().filter((name) => asked.length === 0 || asked.some((word) => name.startsWith(word)));
  if (names.length === 0) {
    console.error(`there is no such case in ${casesFolder}`);
    process.exitCode = 1;
  }
  let [passed, failed] = [0, 0];
  for (const name of names) {
    console.log(`== ${name}`);
    const result = await runCase(name);
    for (const line of [...result.passed, ...result.failed]) console.log(line.slice(0, maxLine));
    passed += result.passed.length;
    failed += result.failed.length;
  }
  console.log(`${passed} passed, ${failed} failed, in ${names.length} cases`);
  if (failed > 0) process.exitCode = 1;
}
