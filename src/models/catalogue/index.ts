// The entry point of the catalogue of models.
export { dialectOf } from "./catalogue.ts";
export type { Deployment, Provider, ProviderKind, TokenPrice } from "./catalogue.ts";
export { dialectAfter, dialectFor } from "./chat-api.ts";
export { defaultCatalogueText, readCatalogue } from "./catalogue-file.ts";
export type { CatalogueContents, SecretSource } from "./catalogue-file.ts";
export { Lookup } from "./lookup.ts";
export type { Wanted } from "./lookup.ts";
export type { BoundRules } from "./model-families.ts";
export { simulatedDeployments } from "./simulated.ts";
