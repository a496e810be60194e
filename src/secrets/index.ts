// The door of the secrets; the driver beside it is named by the composition root alone.
export type { Secrets } from "./secrets.ts";
