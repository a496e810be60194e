// The entry point of external issuers.
export { ExternalIssuers } from "./external-issuers.ts";
export { readIssuers } from "./issuer.ts";
export type { Issuer } from "./issuer.ts";
