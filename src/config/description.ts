// Shows a configuration to people: every effective value, where it came from, and no secret.
import type { LoadedConfig } from "./config.ts";
import { settings } from "./settings.ts";
import type { Setting } from "./settings.ts";
import { expectedForm } from "./value.ts";

/** One effective setting as it may be shown. */
export interface DescribedSetting {
  readonly path: string;
  /** The value, or `********` for a secret that is set. */
  readonly value: string | number | boolean;
  readonly source: string;
}

/** What stands for a secret that is set. */
export const mask = "********";

/** Every setting in the order of the table, secrets masked. */
export function describeConfig(loaded: LoadedConfig): readonly DescribedSetting[] {
  const tree = loaded.config as unknown as Record<string, Record<string, string | number | boolean>>;
  return settings.map((setting: Setting) => {
    const [section = "", name = ""] = setting.path.split(".");
    const value = tree[section]?.[name] ?? "";
    const displayed = setting.secret === true && value !== "" ? mask : value;
    return { path: setting.path, value: displayed, source: loaded.sources.get(setting.path) ?? "default" };
  });
}

/** The text of docs/config.md, made from the table. */
export function renderConfigDoc(): string {
  return `# Configuration

Generated from \`src/config/settings.ts\` by \`npm run generate\`; do not edit.

Flags of \`charter serve\` win over environment variables, those over \`charter.yaml\`, the file over defaults.
The file is \`./charter.yaml\`, or the one named by \`--config FILE\` or \`CHARTER_CONFIG\`. Relative paths in the file start
from the file's folder, all others from the current folder. A name that is not listed here is refused with the nearest one
that is, and so is a value of another form. An empty variable counts as not given.
\`charter config\` prints the values in force and where each came from.

| setting | variable | flag | form | default |
|---|---|---|---|---|
${settings.map(tableRow).join("\n")}

${settings.map(section).join("\n\n")}

## Variables that are not settings

- \`CHARTER_CONFIG\`: the configuration file to read.
- \`CHARTER_URL\`, \`CHARTER_KEY\`: the server and the API key of the client commands, where \`--url\` and \`--key\` are not given.
- \`CHARTER_PROFILE\`: the session of \`charter login\` that they use where there is no key, where \`--profile\` is not given.
- \`CHARTER_TEST_*\`: passed over; the tests use them.
- \`CHARTER_SERVICE_*\` and \`CHARTER_PORT*\` with the values Kubernetes injects for a service called \`charter\`: passed over.

## Example

\`\`\`yaml
${example()}
\`\`\`
`;
}

function tableRow(setting: Setting): string {
  const fallback = setting.default === "" ? "empty" : `\`${setting.default}\``;
  return `| \`${setting.path}\` | \`${setting.env}\` | \`--${setting.flag}\` | ${expectedForm(setting)} | ${fallback} |`;
}

function section(setting: Setting): string {
  const reason = setting.reason === undefined ? "" : ` ${setting.reason}`;
  const secret = setting.secret === true ? " Secret: masked wherever the configuration is shown." : "";
  return `## ${setting.path}\n\n${setting.description}${reason}${secret}`;
}

function example(): string {
  const common = settings.filter((setting) => ["http.host", "http.port", "data.dir"].includes(setting.path));
  const lines: string[] = [];
  for (const { path, default: value } of common) {
    const [head = "", name = ""] = path.split(".");
    if (!lines.includes(`${head}:`)) lines.push(`${head}:`);
    lines.push(`  ${name}: ${value}`);
  }
  return lines.join("\n");
}
