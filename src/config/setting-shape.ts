// What a row of the table of settings says.

/** What a setting holds and how its text is read; a `path` is a folder, a `file` a file. */
export type SettingKind = "string" | "path" | "file" | "integer" | "boolean" | "choice";

/** One row of the table of settings. */
export interface SettingShape {
  /** Place in the tree and in charter.yaml: `section.name`. */
  readonly path: `${string}.${string}`;
  /** Environment variable. */
  readonly env: `CHARTER_${string}`;
  /** Command-line option of `charter serve`, without the dashes. */
  readonly flag: string;
  readonly kind: SettingKind;
  readonly default: string | number | boolean;
  /** For integers: smallest and largest accepted value. */
  readonly range?: readonly [least: number, most: number];
  /** For choices: the accepted words. */
  readonly choices?: readonly string[];
  /** For texts of their own form: what is wrong with one, as the end of a sentence that starts with the path. */
  readonly problem?: (text: string) => string | undefined;
  /** Masked wherever the configuration is shown. */
  readonly secret?: true;
  /** One sentence for people. */
  readonly description: string;
  /** Why the default and the range are what they are. */
  readonly reason?: string;
}
