// The entry point of the configuration: what the rest of the program may know of it.
export { loadConfig } from "./config.ts";
export type { ConfigInput, LoadedConfig } from "./config.ts";
export { describeConfig, renderConfigDoc } from "./description.ts";
export type { DescribedSetting } from "./description.ts";
export { wordsOf } from "./lists.ts";
export { settings } from "./settings.ts";
export type { Config, Setting } from "./settings.ts";
