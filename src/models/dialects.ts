// The dialects that Charter speaks, to callers and to upstreams.
export { beginsAsEvents, openedAnswer, type SseBlock, SseDecoder, sseFrame } from "./wire/sse.ts";
export { frontDialects, keyHeaderOf, upstreamDialectOf, upstreamDialects } from "./dialect-tables.ts";
