// The text of every --help, made from the commands themselves.
import { commonOptions, serverOptions } from "./syntax.ts";
import type { Command, CommandEntry } from "./command.ts";
import type { OptionSpec } from "./syntax.ts";
import { alignColumns } from "./table.ts";

/** Help for one command. */
export function commandHelp(command: Command): string {
  const usage = ["charter", command.name, command.usage, "[options]"].filter((word) => word !== "").join(" ");
  return [
    `${command.summary}.`,
    "",
    `Usage: ${usage}`,
    "",
    ...grouped(command.options),
    ...(command.isLocal === true ? [] : ["Which server, and as whom:", ...optionLines(serverOptions), ""]),
    "Options of every command:",
    ...optionLines(commonOptions),
    "",
    ...exampleLines([command]),
    "",
    "Exit status: 0 done, 1 refused or failed, 2 not understood.",
  ].join("\n");
}

/** Help for a group of commands that share their first word. */
export function groupHelp(group: string, commands: readonly Command[]): string {
  return [
    `Usage: charter ${group} <command> [options]`,
    "",
    "Commands:",
    ...commandLines(commands),
    "",
    ...exampleLines(commands),
    "",
    `charter ${group} <command> --help shows the options of one command.`,
  ].join("\n");
}

/** Help for the whole program. */
export function programHelp(version: string, commands: readonly CommandEntry[]): string {
  return [
    `charter ${version}: the governed control plane for AI agents`,
    "",
    "Usage: charter <command> [options]",
    "",
    "Commands:",
    ...commandLines(commands),
    "",
    "Options of every command that asks a server:",
    ...optionLines(serverOptions),
    "",
    "Options of every command:",
    ...optionLines(commonOptions),
    "",
    "Examples:",
    "  charter serve",
    "  charter put talk.json --product AI_ASSISTANT --type ConversationArtifact",
    "  charter ledger verify",
    "",
    "charter <command> --help shows the options and examples of one command.",
  ].join("\n");
}

function commandLines(commands: readonly Pick<CommandEntry, "name" | "summary">[]): string[] {
  return alignColumns(commands.map((command) => [`  ${command.name}`, command.summary]));
}

/** The options of a command, those of one group under its heading. */
function grouped(options: readonly OptionSpec[]): string[] {
  const { own = [], set = [] } = Object.groupBy(options, ({ group }) => (group === undefined ? "own" : "set"));
  const groups = Map.groupBy([...own, ...set], ({ group = "Options" }) => group);
  return [...groups].flatMap(([heading, those]) => [`${heading}:`, ...optionLines(those), ""]);
}

function optionLines(options: readonly OptionSpec[]): string[] {
  return alignColumns(
    options.map(({ name, short, value, many, summary }) => [
      `  ${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`,
      many === true ? `${summary}; may be repeated` : summary,
    ]),
  );
}

function exampleLines(commands: readonly Command[]): string[] {
  const examples = commands.flatMap((command) => command.examples);
  return ["Examples:", ...examples.flatMap(({ line, does }) => [`  charter ${line}`, `      ${does}`])];
}
