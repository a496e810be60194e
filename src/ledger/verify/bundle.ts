// Entry bundles: big-endian uint16 length-prefixed entries (C2SP tlog-tiles), and nothing after the last one.

/** Most bytes of a full bundle: 256 entries of 65 535 bytes and their prefixes. */
export const maxBundleBytes = 256 * (2 + 65_535);

/** Splits a bundle into at most `count` entries; fewer when the bytes end early, which the caller must notice. */
export function bundleEntries(bundle: Uint8Array, count: number): { entries: Buffer[]; trailingBytes: number } {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Buffer[] = [];
  let at = 0;
  while (entries.length < count && at + 2 <= bytes.length) {
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) break;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return { entries, trailingBytes: bytes.length - at };
}
