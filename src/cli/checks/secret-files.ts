// Files with secrets that an operator made: Charter does not change their modes, it says when anybody can read them. A group
// may read them on purpose (a service user and its certificates), so only the world counts.
import { stat } from "node:fs/promises";
import { settings } from "../../config/index.ts";
import type { LoadedConfig, Setting } from "../../config/index.ts";
import { ok, warn } from "../check.ts";
import type { Check } from "../check.ts";

/** The bits of a mode that are for users outside the file's group. */
const worldBits = 0o007;

/** Files with secrets that every user of the machine can open, as sentences. */
export async function openSecretFiles({ config, sources, file }: LoadedConfig): Promise<string[]> {
  const fromFile = settings.filter((setting: Setting) => {
    const { secret, path, env, flag } = setting;
    return secret === true && !["default", env, `--${flag}`].includes(sources.get(path) ?? "default");
  });
  const files = [
    ...(file !== undefined && fromFile.length > 0 ? [[file, fromFile[0]?.path] as const] : []),
    ...(config.tls.keyFile === "" ? [] : [[config.tls.keyFile, "the key of tls.keyFile"] as const]),
  ];
  const found: string[] = [];
  for (const [path, what] of files) {
    const mode = (await stat(path).catch(() => undefined))?.mode ?? 0;
    if ((mode & worldBits) !== 0)
      found.push(
        `${path} (${(mode & 0o777).toString(8).padStart(4, "0")}) holds ${what} and can be read by every user`,
      );
  }
  return found;
}

/** Whether the files with secrets that the configuration names are closed to the world. */
export async function checkSecretFiles(loaded: LoadedConfig): Promise<Check> {
  const found = await openSecretFiles(loaded);
  if (found.length === 0) return ok("secret files", "none that every user can read");
  return warn("secret files", found.join("; "), "chmod o= FILE");
}
