// What a report of usage can be told apart by.

/** What a report can be told apart by. */
export const usageFields = ["day", "product", "project", "key", "model", "provider"] as const;
/** One of them. */
export type UsageField = (typeof usageFields)[number];
