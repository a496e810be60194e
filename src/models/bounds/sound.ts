// How long a recording can be, from its first bytes: a WAV file says how many bytes a second takes, and no MP3 frame has fewer
// than 8 kbit/s. Other formats can hold hours of silence in a few bytes, so of them nothing is said. Pure.

/** Characters of base64 in which the head of a WAV file stands, with room for chunks before its format. */
const headChars = 4096;
/** The lowest rate of the formats that are called MP3, bytes a second. */
const lowestMp3Rate = 1000;

/** The most seconds of sound in a recording; undefined when its bytes do not say. */
export function mostSecondsOf(base64: string): number | undefined {
  const head = Buffer.from(base64.slice(0, headChars), "base64");
  const bytes = Math.ceil((base64.length * 3) / 4);
  const rate = head.toString("latin1", 0, 4) === "RIFF" ? wavRate(head) : isMp3(head) ? lowestMp3Rate : undefined;
  return rate === undefined || rate <= 0 ? undefined : bytes / rate;
}

/** Bytes a second of uncompressed sound: counted from its parts, since the field that says so may say anything. */
function wavRate(head: Buffer): number | undefined {
  if (head.toString("latin1", 8, 12) !== "WAVE") return undefined;
  for (let at = 12; at + 24 <= head.length;) {
    const size = head.readUInt32LE(at + 4);
    if (head.toString("latin1", at, at + 4) === "fmt ") {
      const [format, channels, frames, bits] = [8, 10, 12, 22].map((offset) =>
        offset === 12 ? head.readUInt32LE(at + offset) : head.readUInt16LE(at + offset),
      );
      const isPlain = format === 1 || format === 3;
      return isPlain && (bits ?? 0) >= 8 ? ((channels ?? 0) * (frames ?? 0) * (bits ?? 0)) / 8 : undefined;
    }
    at += 8 + size + (size % 2);
  }
  return undefined;
}

/** A frame of MPEG sound, layer III. What begins with a tag may go on as any format. */
function isMp3(head: Buffer): boolean {
  return head.length > 2 && head[0] === 0xff && ((head[1] ?? 0) & 0xe6) === 0xe2;
}
