// The cases of the field: inputs that people who run gateways reported in public, each played by a script of its own against a
// Charter of its own (scripts/cases/run-cases.ts). They lie outside the checkout and are skipped where they are not there.
import { describe, expect, it } from "vitest";
import { caseNames, casesFolder, runCase } from "../../scripts/cases/run-cases.ts";

/**
 * Cases that fail today, each with the reason. The list only shrinks: a case that stands here and passes fails the test, and so
 * does a name that is no case.
 */
const knownToFail: Readonly<Record<string, string>> = {
  "39-missing-endpoints": "endpoints of the APIs are missing",
};

const names = caseNames();
const isThere = names.length > 0;
const why = isThere ? "" : ` (skipped: there is no folder ${casesFolder})`;

describe.skipIf(!isThere)(`the cases of the field${why}`, () => {
  it("are all there that are known to fail", () => {
    expect(Object.keys(knownToFail).filter((name) => !names.includes(name))).toEqual([]);
  });

  for (const name of names) {
    if (name in knownToFail) {
      it(`${name} still fails, or is taken off the list of those that do`, async () => {
        const { failed } = await runCase(name);
        expect(failed.length, `${name} passes: take it off the list`).toBeGreaterThan(0);
      });
    } else {
      it(`${name} holds`, async () => {
        const { failed } = await runCase(name);
        expect(failed).toEqual([]);
      });
    }
  }
});
