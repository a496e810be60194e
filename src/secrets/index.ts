// The entry point of the secrets; the driver in this folder is named by the composition root alone.
export type { Secrets } from "./secrets.ts";
