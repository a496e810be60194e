// Guesses a media type from the first bytes and says whether a declared type can be true. A few well-known signatures
// (after the WHATWG MIME Sniffing standard, section 6), enough to notice a programme that calls itself a picture.

interface Signature {
  readonly name: string;
  readonly offset: number;
  readonly hex: string;
  /** Declared types that such bytes may honestly have. */
  readonly fits: RegExp;
}

const signatures: readonly Signature[] = [
  { name: "PNG image", offset: 0, hex: "89504e470d0a1a0a", fits: /^image\/(png|apng|vnd\.mozilla\.apng)$/ },
  { name: "JPEG image", offset: 0, hex: "ffd8ff", fits: /^image\/(jpeg|jpg|pjpeg)$/ },
  { name: "GIF image", offset: 0, hex: "47494638", fits: /^image\/gif$/ },
  { name: "WebP image", offset: 8, hex: "57454250", fits: /^image\/webp$/ },
  { name: "PDF document", offset: 0, hex: "255044462d", fits: /^application\/(pdf|x-pdf|illustrator)$/ },
  {
    name: "ZIP archive",
    offset: 0,
    hex: "504b0304",
    fits: /zip|java-archive|openxmlformats|opendocument|android|macroenabled|^application\/(vnd\.|x-)/,
  },
  { name: "gzip archive", offset: 0, hex: "1f8b08", fits: /gzip|tar|compress|^application\/x-/ },
  {
    name: "ISO media file",
    offset: 4,
    hex: "66747970",
    fits: /^(video|audio)\/|^image\/(heic|heif|avif)|^application\/mp4$/,
  },
  { name: "WebAssembly module", offset: 0, hex: "0061736d", fits: /wasm/ },
  { name: "ELF programme", offset: 0, hex: "7f454c46", fits: /^application\/(x-|vnd\.)/ },
  { name: "SQLite database", offset: 0, hex: "53514c69746520666f726d6174203300", fits: /sqlite/ },
];

/** Types whose bytes must begin with their own signature. */
const bound = /^(image\/(png|jpeg|gif|webp)|application\/(pdf|wasm|gzip))$/;

/** Types that claim nothing. */
const untold = /^(application\/octet-stream|binary\/octet-stream|\*\/\*)?$/;

const beginsAsPage = /^\s*<(!doctype html|html|script|body|iframe)[\s>]/i;
const mayHoldPage = /^text\/|html|xml|^application\/(javascript|octet-stream)/;

/** How the first bytes contradict the declared type, as a public phrase; undefined when they do not. */
export function mediaTypeMismatch(declared: string, firstBytesHex: string): string | undefined {
  const type = (declared.split(";")[0] ?? "").trim().toLowerCase();
  const hex = firstBytesHex.toLowerCase();
  if (untold.test(type) || hex.length < 16 || !/^[0-9a-f]*$/.test(hex)) return undefined;
  const seen = signatures.find((each) => hex.startsWith(each.hex, each.offset * 2));
  if (seen) return seen.fits.test(type) ? undefined : `begins as a ${seen.name}`;
  if (beginsAsPage.test(Buffer.from(hex, "hex").toString("latin1")) && !mayHoldPage.test(type))
    return "begins as an HTML page";
  return bound.test(type) ? "does not begin as its type must" : undefined;
}
