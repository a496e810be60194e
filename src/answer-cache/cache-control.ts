// What a caller asks of the cache with the request header `cache-control` (RFC 9111 section 5.2.1).
//
// `no-store`: nothing is read, kept or shared. `no-cache`, and `max-age=0`: nothing is read, the answer replaces what is
// kept. `max-age=N`: nothing older than N seconds. `only-if-cached`: a stored answer or `cache.not_stored`. Others are ignored.

/** A caller's wishes. */
export interface CacheControl {
  readonly noStore: boolean;
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  /** Oldest answer that is wanted, seconds; undefined for any age. */
  readonly maxAgeSeconds: number | undefined;
}

/** What a caller wishes that sends no header. */
export const noWishes: CacheControl = { noStore: false, noCache: false, onlyIfCached: false, maxAgeSeconds: undefined };

const seconds = /^"?(\d{1,10})"?$/;

/** Reads the header. A `max-age` that is not a number counts as 0, and of several the smallest holds: fresher is never wrong. */
export function readCacheControl(header: string | undefined): CacheControl {
  if (header === undefined || header === "") return noWishes;
  let { noStore, noCache, onlyIfCached, maxAgeSeconds } = noWishes;
  for (const directive of header.toLowerCase().split(",")) {
    const [name = "", value = ""] = directive.split("=", 2).map((part) => part.trim());
    if (name === "no-store") noStore = true;
    else if (name === "no-cache") noCache = true;
    else if (name === "only-if-cached") onlyIfCached = true;
    else if (name === "max-age") {
      maxAgeSeconds = Math.min(Number(seconds.exec(value)?.[1] ?? 0), maxAgeSeconds ?? Infinity);
    }
  }
  return { noStore, noCache: noCache || maxAgeSeconds === 0, onlyIfCached, maxAgeSeconds };
}
