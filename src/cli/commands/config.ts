// `charter config`: the configuration a server started here would run with.
import { describeConfig } from "../../config/index.ts";
import { exitCodes } from "../syntax.ts";
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { loadLocalConfig, settingOptions } from "../local-config.ts";
import { table } from "../table.ts";

/** `charter config` */
export const config: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options: settingOptions(),
  examples: [
    { line: "config", does: "lists every setting with its value and its source" },
    { line: "config --port 9000 --json", does: "shows what serve --port 9000 would run with, as JSON" },
  ],
  run: async ({ io, options, json }) => {
    const loaded = loadLocalConfig(io, options);
    const described = describeConfig(loaded);
    if (json) {
      printJson(io, Object.fromEntries(described.map(({ path, value, source }) => [path, { value, source }])));
      return exitCodes.ok;
    }
    const rows = described.map(({ path, value, source }) => [
      path,
      printable(value === "" ? "-" : String(value)),
      printable(source),
    ]);
    const [heading = "", ...lines] = table(["setting", "value", "from"], rows);
    const sections = Map.groupBy(lines.entries(), ([i]) => described[i]?.path.split(".")[0]);
    print(io, heading, ...[...sections.values()].flatMap((own) => ["", ...own.map(([, line]) => line)]));
    return exitCodes.ok;
  },
};
