// Options of the commands that call models, and the headers they become.
import { dataClasses } from "../constitution/words.ts";
import { strategies } from "../routing/words.ts";
import type { Options } from "./options.ts";
import { UsageError } from "./syntax.ts";
import type { OptionSpec } from "./syntax.ts";

/** What a call of a model can be told on the command line. */
export const callOptions: readonly OptionSpec[] = [
  { name: "model", short: "m", value: "MODEL", summary: "a model, tier:N, tag:T, or auto to let the router choose" },
  { name: "strategy", value: "NAME", summary: strategies.join(", ") },
  { name: "product", short: "p", value: "PRODUCT", summary: "who pays, for keys that belong to no product" },
  { name: "project", value: "PROJECT", summary: "whose budget pays" },
  { name: "data-class", value: "CLASS", summary: `how far the data may travel: ${dataClasses.join(", ")}` },
];

/** The headers for the options that were given. */
export function callHeaders(options: Options): Record<string, string> {
  const strategy = options.text("strategy");
  if (strategy !== undefined && !strategies.some((known) => known === strategy)) {
    throw new UsageError(`--strategy must be one of ${strategies.join(", ")}`);
  }
  const dataClass = options.text("data-class");
  if (dataClass !== undefined && !dataClasses.some((known) => known === dataClass)) {
    throw new UsageError(`--data-class must be one of ${dataClasses.join(", ")}`);
  }
  const given = {
    "x-charter-strategy": strategy,
    "x-charter-product": options.text("product"),
    "x-charter-project": options.text("project"),
    "x-charter-data-class": dataClass,
  };
  return Object.fromEntries(Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined));
}
