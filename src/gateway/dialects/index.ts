// The dialects that Charter speaks, to callers and to upstreams.
export { type SseBlock, SseDecoder, sseFrame } from "./sse.ts";
export { frontDialects, upstreamDialects } from "./tables.ts";
