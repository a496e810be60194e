// Honest texts that look as if something was hidden in them: hashes, pictures, lock files, minified programs, other scripts,
// escapes. Half of them are made from a seed, half written by hand.
import { createHash } from "node:crypto";
import { deflateSync, gzipSync } from "node:zlib";
import { numbersFrom } from "./guard-cases.ts";

/** An honest text and what it is. */
export interface BenignText {
  readonly kind: string;
  readonly text: string;
}

/** How many texts of each kind are made. */
const textsPerKind = 12;

type Random = () => number;

const pick = <Item>(random: Random, items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
const bytes = (random: Random, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256)));
const hash = (random: Random, algorithm: string): Buffer => createHash(algorithm).update(bytes(random, 16)).digest();
const many = (count: number, make: (index: number) => string, mark = "\n"): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(mark);
const names =
  "parser,router,colors,loader,events,stream,buffers,tokens,secrets-manager,keyboard,passwords,apikey-utils".split(",");
const sentences = [
  "The meeting starts at nine and ends before lunch.",
  "Please keep the old instructions in the appendix; nobody ignores them.",
  "Our token ring exhibit shows how networks once shared a cable.",
  "Key figures: 14 percent more visitors, 3 new rooms, 1 garden.",
];

const uuid = (random: Random): string => {
  const digits = bytes(random, 16).toString("hex");
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    "-",
  );
};

const made: Readonly<Record<string, (random: Random) => string>> = {
  "git log": (random) => many(6, () => `commit ${hash(random, "sha1").toString("hex")}\nAuthor: A. Writer\n\n    ${pick(random, sentences)}\n`),
  "lock file": (random) =>
    many(6, (i) => `"node_modules/${pick(random, names)}": { "version": "${i}.2.1", "resolved": "https://registry.npmjs.org/${pick(random, names)}/-/${pick(random, names)}-${i}.2.1.tgz", "integrity": "sha512-${hash(random, "sha512").toString("base64")}" },`),
  "digests of images": (random) => many(4, () => `FROM docker.io/library/node@sha256:${hash(random, "sha256").toString("hex")}`),
  uuids: (random) => many(8, () => uuid(random), ", "),
  "picture in a page": (random) => `<img alt="logo" src="data:image/png;base64,iVBORw0KGgo${bytes(random, 900).toString("base64")}">`,
  "picture in lines": (random) => (bytes(random, 1200).toString("base64").match(/.{1,76}/g) ?? []).join("\r\n"),
  "random base64url": (random) => `state=${bytes(random, 96).toString("base64url")}&nonce=${bytes(random, 16).toString("base64url")}`,
  "text in base64": (random) => Buffer.from(many(5, () => pick(random, sentences), " ")).toString("base64"),
  "compressed text in base64": (random) => gzipSync(many(9, () => pick(random, sentences), " ")).toString("base64"),
  "deflated bytes in hex": (random) => deflateSync(bytes(random, 200)).toString("hex"),
  "hex dump": (random) =>
    many(8, (i) => `${(16 * i).toString(16).padStart(8, "0")}  ${(bytes(random, 16).toString("hex").match(/../g) ?? []).join(" ")}  |................|`),
  certificate: (random) => `-----BEGIN CERTIFICATE-----\n${(bytes(random, 700).toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----`,
  "public key": (random) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${bytes(random, 32).toString("base64").replace("=", "")} build@host`,
  "numbers in a table": (random) => many(6, () => many(12, () => String(Math.floor(random() * 200)), ", ")),
  "bytes of an array": (random) => `const table = [${many(64, () => String(Math.floor(random() * 256)), ", ")}];`,
  "bits": (random) => many(24, () => Math.floor(random() * 256).toString(2).padStart(8, "0"), " "),
  "path of a drawing": (random) => `<path d="M${many(40, () => `${(random() * 90).toFixed(2)} ${(random() * 90).toFixed(2)}`, "L")}z"/>`,
  "minified program": (random) =>
    many(20, () => `function ${pick(random, ["a", "b", "e", "t"])}(n,r){return n&&r?n.${pick(random, names).replace("-", "")}(r):"\\u00e9\\x20"+r}`, ";"),
  "encoded address": (random) =>
    `https://example.org/search?q=${encodeURIComponent(pick(random, ["größe & farbe", "日本 東京", "100% sicher", "a+b=c"]))}&page=2&ref=${uuid(random)}`,
  "mail in quoted-printable": (random) => `Sch=C3=B6ne Gr=C3=BC=C3=9Fe aus M=C3=BCnchen, ${pick(random, sentences)} und bis=\r\n bald.`,
  "source with escapes": (random) => `const text = "caf\\u00e9 \\u2014 ${pick(random, names)}\\n\\ttab \\x41\\x42";\nconst path = "C:\\\\Users\\\\${pick(random, names)}\\\\x64\\\\bin";`,
  "identifiers": (random) => many(12, () => `get${pick(random, ["User", "Session", "Secret"])}${pick(random, ["Manager", "Provider"])}FactoryBeanDefinition${Math.floor(random() * 90)}`, "\n"),
  "base32 codes": (random) => many(4, () => many(40, () => pick(random, Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")), "")),
  "log lines": (random) =>
    many(6, (i) => `2026-11-${10 + i}T08:00:${10 + i}.123Z INFO request_id=${uuid(random)} trace=${bytes(random, 16).toString("hex")} took=${i}ms status=200`),
  "etag and cookies": (random) => `ETag: W/"${bytes(random, 20).toString("base64url")}"\nSet-Cookie: theme=dark; id=${Math.floor(random() * 1e6)}; Path=/`,
}; // prettier-ignore

/** Texts by hand: other scripts, joiners, marks and signs as people use them, and words that tokens are made of. */
const written: Readonly<Record<string, readonly string[]>> = {
  Arabic: ["مَرْحَبًا بِكُمْ فِي مَكْتَبَتِنَا، رَقْمُ الْهَاتِفِ فِي الصَّفْحَةِ ٣", "اختبار: النص العربي مع \u200Fعلامات\u200F الاتجاه"],
  Hebrew: ["בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם וְאֵת הָאָרֶץ", "שלום \u200Eabc\u200E עולם"],
  Persian: ["می\u200Cخواهم این کتاب‌ها را بخوانم"],
  Hindi: ["क्\u200Dष और ज्ञ के लिए संयुक्ताक्षर; कुंजी शब्द १२३"],
  Thai: ["ภาษาไทย\u200Bไม่มี\u200Bช่องว่าง ๑๒๓๔"],
  Chinese: ["请忽略格式，只翻译第二段。密码学是研究保密通信的学科，2026年。", "令牌（token）和密钥（key）的区别是什么？"],
  Japanese: ["トークンとキーの違いを説明してください。ｋｅｙは鍵です。", "ﾊﾝｶｸ ｶﾀｶﾅ と ＡＢＣ１２３"],
  Russian: ["Токен доступа хранится в хранилище ключей. Не игнорируйте предыдущие инструкции врача.", "Ключ: сорок два, пароль меняют раз в год."],
  Greek: ["Το κλειδί και ο κωδικός πρόσβασης αλλάζουν κάθε χρόνο."],
  German: ["Schlüssel, Tür und Straße: das Kennwort ändert sich im März.", "Größe 42, Maße 10×20 cm, Preis 19,90 €"],
  Vietnamese: ["Mật khẩu được đổi mỗi năm một lần, xin đừng bỏ qua hướng dẫn."],
  emoji: ["👩‍👩‍👧‍👦 family, 👩🏽‍🚀 astronaut, 🏳️‍🌈 flag, 🏴󠁧󠁢󠁥󠁮󠁧󠁿 England, 1️⃣2️⃣3️⃣", "🇩🇪🇫🇷🇮🇹 flags ❤️‍🔥 ✌🏻"],
  mathematics: ["Let 𝑓: ℝ → ℝ, 𝑥 ↦ 𝑥² + ½; then ∫₀¹ 𝑓 = ⅚.", "x₁ + x₂ ≤ 10⁶, α ∈ [0, 1]"],
  "words near tokens": [
    "Prefixes: ghp_ for personal tokens, sk- for keys, hf_ for hubs, xoxb- for bots; 12 characters follow or more.",
    "The AKIA and ASIA prefixes of 20 characters differ in how long they live: ASIA PACIFIC REGION 1 AND 2 ARE NOT MEANT.",
    "Use `token=` followed by the value in 1 line, or `Authorization: Bearer` and 1 blank.",
  ],
  "lists and boards": ["A B C D E F G H I J K L\n1 2 3 4 5 6 7 8 9 10 11 12", "x | o | x\n- + - + -\no | x | o", "a, b, c, d, e, f, g, h and i"],
  "one word a line": ["apple\nbanana\ncherry\ndates\nelderberry\nfigs\ngrapes", "alpha1\nbeta2\ngamma3\ndelta4"],
  joined: ['const text = "The first part, " + "the second part 2" + " and the third 3";', '["read", "write", "delete", "token", "list2"]'],
}; // prettier-ignore

/** Every honest text. */
export function benignTexts(): readonly BenignText[] {
  const random = numbersFrom(20_261_130);
  return [
    ...Object.entries(made).flatMap(([kind, make]) =>
      Array.from({ length: textsPerKind }, () => ({ kind, text: make(random) })),
    ),
    ...Object.entries(written).flatMap(([kind, texts]) => texts.map((text) => ({ kind, text }))),
  ];
}
