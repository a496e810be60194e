// Headers by which clients of the APIs say who they are and which API they speak.

/** Where clients put their key next to `Authorization`, in the order in which they are looked at: Anthropic's, Azure's, Google's. */
export const keyHeaders = ["x-api-key", "api-key", "x-goog-api-key"] as const;

/** Sent with every request by clients of the Messages API, and by no others. */
export const messagesVersionHeader = "anthropic-version";
