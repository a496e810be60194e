// Checks the floors of the application. A cruise that sees no modules proves nothing, so the count is asserted too.
import { Visitor } from "@swc/core/Visitor.js";
import type { Statement, VariableDeclarator } from "@swc/core";
import { cruise } from "dependency-cruiser";
import type { ICruiseResult } from "dependency-cruiser";
import rules from "../boundaries.mjs";

/** Fewest modules a real cruise of this tree sees; below it the parser has silently failed. */
const fewestModules = 30;

/** `using` and `await using`, which the parser knows and the visitor that dependency-cruiser builds on does not. */
interface UsingDeclaration {
  readonly type: "UsingDeclaration";
  decls: VariableDeclarator[];
}

/** Teaches the visitor `using` declarations; without it the cruise stops at the first file that has one. */
function teachUsing(): void {
  const visitStatement = Object.getOwnPropertyDescriptor(Visitor.prototype, "visitStatement")?.value as (
    this: Visitor,
    statement: Statement,
  ) => Statement;
  Visitor.prototype.visitStatement = function visit(this: Visitor, statement: Statement | UsingDeclaration): Statement {
    if (statement.type !== "UsingDeclaration") return visitStatement.call(this, statement);
    statement.decls = this.visitVariableDeclarators(statement.decls);
    return statement as never;
  };
}
teachUsing();

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

/** Every module below some folders with the modules of ours that it imports. */
export async function cruiseModules(folders: readonly string[]): Promise<{ source: string; dependencies: string[] }[]> {
  const report = await cruise([...folders], { ...rules.options } as never);
  return (report.output as ICruiseResult).modules.map(({ source, dependencies }) => ({
    source,
    dependencies: dependencies.map(({ resolved }) => resolved),
  }));
}

if (import.meta.main) {
  const { violations, modules } = await cruiseBoundaries(["src"]);
  for (const violation of violations) console.error(violation);
  if (modules < fewestModules) console.error(`only ${modules} modules were seen: the cruise did not read the tree`);
  else console.log(`boundaries: ${modules} modules, ${violations.length} violations`);
  process.exitCode = violations.length > 0 || modules < fewestModules ? 1 : 0;
}
