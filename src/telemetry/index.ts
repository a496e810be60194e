// The entry point of telemetry: what it is all called. The drivers in this folder are named by the composition root alone.
export { attributes, labelName, metrics, operationName, prometheusName } from "./names.ts";
export type { AttributeKey, MetricKey, MetricName } from "./names.ts";
