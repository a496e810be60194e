// Credentials known by where they stand: in a private key block, a JSON web token, a header, a URL, or behind a name that
// says what follows. The last kind is a guess, so it yields to every other rule and asks for text that looks drawn at random.
import { undecidedToken } from "./anchored-rules.ts";
import type { AnchoredRule } from "./anchored-rules.ts";
import { entropyOf, isStandIn } from "./randomness.ts";
import { isDocumented, isPath, isReference } from "./references.ts";

/** Longest private key block that is taken as one, characters; an RSA key of 16 384 bits has about 13 000. */
const maxKeyBlockChars = 16_384;
const keyBody = new RegExp(`[A-Za-z0-9+/=\\s\\\\]{0,${maxKeyBlockChars}}`, "y");

/** The end of a private key block that begins before `from`: its own last line, or where its letters end. */
function endOfKey(text: string, from: number): number {
  const block = text.slice(from, from + maxKeyBlockChars);
  const last = block.indexOf("-----END");
  if (last >= 0) {
    const close = block.indexOf("-----", last + 8);
    return close < 0 ? from + block.length : from + close + 5;
  }
  keyBody.lastIndex = from;
  return from + (keyBody.exec(text)?.[0].length ?? 0);
}

const jwtHeader = /^eyJ[\w-]+/;

/** Whether the first part of a token is a JSON object that names an algorithm. */
function isJwt(found: string): boolean {
  if (isDocumented(found)) return false;
  const header = jwtHeader.exec(found)?.[0] ?? "";
  return Buffer.from(header, "base64url").toString("latin1").includes('"alg"');
}

/** Whether a text is `name:password` in base64. */
function isBasicPair(found: string): boolean {
  return (
    !isDocumented(found) && /^[\x20-\x7e]{1,64}:[\x20-\x7e]{3,}$/.test(Buffer.from(found, "base64").toString("latin1"))
  );
}

/** Passwords that documentation uses, and names of what would stand there. */
const weakWords =
  /^(?:pass(?:word|wd|phrase)?|pwd|secret|user(?:name)?|postgres|root|admin|test|guest|mysql|mongo|redis|token|key|none|null|undefined|true|false|string|hunter2)\d{0,3}$/i;
/** Something that a program or template puts in, not the thing itself. */
const reference =
  /^[$%<{[(]|[({[<]|^(?:process|os|env|config|settings|self|this|req|ctx|vault|secrets|var|data|module)\.|\.(?:env|get|read|value)\b|^[a-z_]+$|^[A-Z_]+$|^[a-z]+(?:[A-Z][a-z]+)+$/;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a value that a rule has found stands in quotes. */
function isQuoted(found: string, whole: string): boolean {
  return /["'`]/.test(whole[whole.length - found.length - 1] ?? "");
}

/** Whether a value behind a name such as `api_key` looks drawn at random. */
function isRandomValue(found: string, whole = found): boolean {
  if (isStandIn(found) || reference.test(found) || uuid.test(found) || isDocumented(found) || isPath(found))
    return false;
  if (!isQuoted(found, whole) && isReference(found)) return false;
  if (!/\d/.test(found) || !/[A-Za-z]/.test(found)) return false;
  return entropyOf(found) >= (found.length >= 24 ? 3.2 : 3);
}

/** Whether a value behind a name such as `password` looks like one: no plain word, and letters mixed with other things. */
function isPassword(found: string, whole: string): boolean {
  const line = isQuoted(found, whole) ? -1 : found.search(/\\+[nrt]/);
  return line < 0 ? isPasswordAlone(found, whole) : isPasswordAlone(found.slice(0, line), found.slice(0, line));
}

function isPasswordAlone(found: string, whole: string): boolean {
  if (isStandIn(found) || weakWords.test(found) || reference.test(found) || /^[./~]/.test(found)) return false;
  // The fields of a form are judged one by one.
  if (/^[\w.-]{1,32}=[^&=]{0,64}(?:&[\w.-]{1,32}=[^&=]{0,64}){1,8}$/.test(found)) return false;
  if (isDocumented(found) || isPath(found) || (!isQuoted(found, whole) && isReference(found))) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(found)).length;
  return kinds >= 3 ? entropyOf(found) >= 2.5 : kinds === 2 && found.length >= 12 && entropyOf(found) >= 3.2;
}

/** What stands between a name and its value: `= "`, `: '`, `=> `, `":"`, also as it is escaped in a string. */
const joint = String.raw`(?:\\{0,3}["'\x60\]]){0,2}[ \t]{0,4}(?:=>|:=|=|:| is )[ \t]{0,4}`;

/**
 * May a value, or the rest of it, still follow a name: the name is the last thing, or what joins it to a value, or a value
 * that no space has ended. A sentence about passwords is decided at its next word, so that a stream does not pause there.
 */
const undecidedValue =
  /[\w-]{0,40}(?: [\w-]{0,10}){0,2}(?:\\{0,3}["'\x60\]]){0,2}\\{0,3}[ \t]{0,4}(?:(?:=>|:=|=|:|is?)[ \t]{0,4}(?:\\{0,3}["'\x60])?[^\s"'\x60]*)?$/y;
/** May the rest of a word behind `basic ` or `bearer ` still follow. */
const undecidedWord = /\w+ \S*$/y;

/** Blocks, tokens and places. */
export const placeRules: readonly AnchoredRule[] = [
  {
    id: "private-key",
    keywords: ["-----begin"],
    pattern:
      /-----BEGIN[ A-Z0-9]{0,32} ?PRIVATE KEY(?: BLOCK)?-----(?=(?:\s|\\[nr]){0,8}(?:[A-Za-z][A-Za-z0-9-]{1,31}:[^\r\n\\]{0,80}(?:[\r\n]|\\[nr]){1,4}){0,4}[A-Za-z0-9+/=\s\\]{64})/y,
    window: 600,
    undecided: /[A-Za-z0-9+/=\s\\:,-]*$/y,
    severity: "CRITICAL",
    detail: "a private key",
    standsFree: false,
    extend: endOfKey,
  },
  {
    id: "jwt",
    keywords: ["eyj"],
    // Behind letters it begins with one of the names that such a header begins with.
    pattern:
      /(?:(?:(?<![\w-])|(?<=\\[nrtbfv]))eyJ[\w-]{10,1000}|eyJ(?:hbGci|0eXAi|raWQi)[\w-]{5,300})\.eyJ[\w-]{10,4000}\.[\w-]{16,1000}/y,
    window: 1024,
    undecided: undecidedToken,
    severity: "HIGH",
    detail: "a JSON web token",
    standsFree: false,
    accept: isJwt,
  },
  {
    id: "aws-secret-key",
    keywords: ["secret_access_key", "secretaccesskey", "secret access key", "secret-access-key", "aws_secret_key"],
    pattern: new RegExp(`[A-Za-z_ -]{14,17}${joint}["'\\x60]?(?<found>[A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])`, "y"),
    window: 128,
    undecided: undecidedValue,
    severity: "CRITICAL",
    detail: "an AWS secret access key",
    standsFree: false,
    accept: (found) => entropyOf(found) >= 3.8 && !isStandIn(found),
  },
  {
    id: "url-credentials",
    keywords: ["://"],
    pattern: /:\/\/[^\s:/@"'<>]{0,64}:(?<found>[^\s:/@"'<>]{3,128})(?=@[A-Za-z0-9[])/y,
    window: 256,
    undecided: /\S*$/y,
    severity: "HIGH",
    detail: "a password in a URL",
    standsFree: false,
    accept: (found) => !isStandIn(found) && !weakWords.test(found) && !/[${}]/.test(found),
  },
  {
    id: "authorization-basic",
    keywords: ["basic "],
    pattern: /[Bb]asic (?<found>[A-Za-z0-9+/]{8,256}={0,2})(?![\w+/=])/y,
    window: 300,
    undecided: undecidedWord,
    severity: "HIGH",
    detail: "the name and password of basic authentication",
    accept: isBasicPair,
  },
  {
    id: "authorization-bearer",
    keywords: ["bearer "],
    pattern: /[Bb]earer (?<found>[\w.~+/-]{20,700}={0,2})(?![\w+/=])/y,
    window: 800,
    undecided: undecidedWord,
    severity: "HIGH",
    detail: "a bearer token",
    accept: isRandomValue,
    weak: true,
  },
];

/** Values behind telling names. */
export const assignmentRules: readonly AnchoredRule[] = [
  {
    id: "generic-api-key",
    keywords: ["api_key", "apikey", "api-key", "secret", "token", "access_key", "accesskey", "auth_key", "credential"],
    pattern: new RegExp(
      `[\\w-]{3,24}${joint}(?:\\\\{0,3}["'\\x60])?(?<found>[\\w.+/=~-]{16,200})(?=["'\\x60\\s,;)}\\]&<\\\\]|$)`,
      "y",
    ),
    window: 256,
    undecided: undecidedValue,
    severity: "HIGH",
    detail: "a value that looks random behind a name that says it is secret",
    standsFree: false,
    accept: isRandomValue,
    weak: true,
  },
  {
    id: "generic-password",
    keywords: ["password", "passwd", "pwd", "passphrase"],
    pattern: new RegExp(
      `[\\w-]{3,24}${joint}(?:\\\\{0,3}["'\\x60](?<quoted>[^\\s"'\\x60]{6,64}?)(?=\\\\{0,3}["'\\x60])|(?<found>[^\\s"'\\x60,;)}\\]<>]{8,64})(?=["'\\x60\\s,;)}\\]<]|$))`,
      "y",
    ),
    window: 160,
    undecided: undecidedValue,
    severity: "HIGH",
    detail: "a value behind a name that says it is a password",
    standsFree: false,
    accept: isPassword,
    weak: true,
  },
];
