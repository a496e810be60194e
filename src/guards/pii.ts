// The guard for personal data that has a form: e-mail addresses, telephone numbers, payment cards, IBANs and US social
// security numbers. Names, addresses and everything else that has no form it does not see.
import type { WordHits } from "./anchored-rules.ts";
import { disguisedMatches, disguisedNow, joinedMatches } from "./disguise/disguised.ts";
import { mayBeDisguised } from "./disguise/glance.ts";
import type { DecodingRoom } from "./disguise/room.ts";
import type { View } from "./disguise/view.ts";
import { Overlaps } from "./guard.ts";
import type { Guard, GuardSeverity, Match, Search } from "./guard.ts";
import { isCardNumber, isIban, isMailAddress, isPhoneNumber, isSocialSecurityNumber } from "./pii-checks.ts";
import type { Steps, TimeSlice } from "./stretch.ts";

/** What is tried where a character of its kind stands. Patterns are sticky and bounded. */
interface Form {
  readonly rule: string;
  readonly pattern: RegExp;
  /** Fewer characters are not looked at any closer. */
  readonly least: number;
  readonly accept: (found: string, before: string, after: string) => boolean;
  readonly severity: GuardSeverity;
  readonly detail: string;
}

const card: Form = {
  rule: "credit-card",
  pattern: /\d{4}[ -]?\d{4,6}[ -]?\d{4,5}(?:[ -]?\d{1,4})?(?:[ -]?\d{1,3})?(?!\d|\.\d)/y,
  least: 13,
  accept: isCardNumber,
  severity: "HIGH",
  detail: "a payment card number",
};
const socialSecurity: Form = {
  rule: "us-ssn",
  pattern: /\d{3}-\d{2}-\d{4}(?![\w-])/y,
  least: 11,
  accept: isSocialSecurityNumber,
  severity: "HIGH",
  detail: "a US social security number",
};
const phone: Form = {
  rule: "phone-number",
  pattern: /(?:\+?\d{1,15})?(?:[ .-]?\(\d{1,5}\)[ .-]?\d{1,8})?(?:[ ./-]\d{1,8}){0,6}(?![\w%])/y,
  least: 7,
  accept: isPhoneNumber,
  severity: "MEDIUM",
  detail: "a telephone number",
};
const iban: Form = {
  rule: "iban",
  pattern: /[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/y,
  least: 15,
  accept: isIban,
  severity: "HIGH",
  detail: "an IBAN",
};
const mailDomain = /@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}/y;

/** Every form that begins with its own character. */
export const piiForms: readonly Form[] = [card, socialSecurity, phone, iban];
const numbers: readonly Form[] = [card, socialSecurity, phone];
const phones: readonly Form[] = [phone];
const ibans: readonly Form[] = [iban];

/** How much of the text before a number may say what the number is, characters. */
const contextChars = 24;
/** Longest local part of a mail address (RFC 5321). */
const maxLocalChars = 64;
/** Most characters of a number or an IBAN, spaces included. */
const maxNumberChars = 48;

const isDigit = (code: number): boolean => code > 47 && code < 58;
const isUpper = (code: number): boolean => code > 64 && code < 91;
const isAlphanumeric = (code: number): boolean => isDigit(code) || isUpper(code) || (code > 96 && code < 123);
/** `._%+-` */
const isLocal = (code: number): boolean =>
  isAlphanumeric(code) || code === 46 || code === 95 || code === 37 || code === 43 || code === 45;

/** A look for personal data that is under way. */
class PiiSearch implements Search {
  readonly #text: string;
  readonly #overlaps = new Overlaps<Match>();
  #at = 0;
  #before = 32;

  constructor(text: string) {
    this.#text = text;
  }

  advance(end: number): void {
    const text = this.#text;
    let before = this.#before;
    let i = this.#at;
    for (; i < end; i++) {
      const code = text.charCodeAt(i);
      const match = matchAt(text, i, code, before);
      if (match === undefined) {
        before = code;
        continue;
      }
      this.#overlaps.add(match);
      i = match.end - 1;
      before = 48;
    }
    this.#at = i;
    this.#before = before;
    // A mail address begins before its sign.
    this.#overlaps.settle(end === text.length ? Infinity : i - maxLocalChars);
  }

  // oxlint-disable-next-line require-yield -- there is little to do
  *matches(_: TimeSlice, disguised: readonly Match[]): Steps<readonly Match[]> {
    return joinedMatches(this.#overlaps.kept, disguised);
  }

  get found(): readonly Match[] {
    return this.#overlaps.kept;
  }
}

function scan(text: string, _?: WordHits, room?: DecodingRoom): readonly Match[] {
  const plain = plainly(text);
  return mayBeDisguised(text) ? joinedMatches(plain, disguisedNow(text, look, room)) : plain;
}

function plainly(text: string): readonly Match[] {
  const search = new PiiSearch(text);
  search.advance(text.length);
  return search.found;
}

/** Between bytes that are not text digits and signs stand by chance. */
function look({ text, isBinary }: View): readonly Match[] {
  return isBinary ? [] : plainly(text);
}

function matchAt(text: string, at: number, code: number, before: number): Match | undefined {
  if (code === 64) return mailAt(text, at);
  // What stands inside a word, a decimal number or a path is not a number of its own.
  if (isAlphanumeric(before) || before === 95 || before === 46 || before === 47 || before === 35) return undefined;
  if (isDigit(code)) return before === 45 || before === 43 ? undefined : formAt(numbers, text, at);
  if (code === 43 || code === 40) return formAt(phones, text, at);
  if (isUpper(code) && isUpper(text.charCodeAt(at + 1)) && isDigit(text.charCodeAt(at + 2))) {
    return formAt(ibans, text, at);
  }
  return undefined;
}

function formAt(forms: readonly Form[], text: string, at: number): Match | undefined {
  for (const { rule, pattern, least, accept, severity, detail } of forms) {
    pattern.lastIndex = at;
    if (!pattern.test(text)) continue;
    const end = pattern.lastIndex;
    if (end - at < least) continue;
    if (!accept(text.slice(at, end), text.slice(Math.max(0, at - contextChars), at), text.slice(end, end + 1)))
      continue;
    return { rule, start: at, end, severity, detail };
  }
  return undefined;
}

function mailAt(text: string, at: number): Match | undefined {
  let start = at;
  while (start > 0 && at - start < maxLocalChars && isLocal(text.charCodeAt(start - 1))) start--;
  mailDomain.lastIndex = at;
  const domain = mailDomain.exec(text)?.[0];
  if (domain === undefined || start === at) return undefined;
  const end = at + domain.length;
  if (!isMailAddress(text.slice(start, at), domain.slice(1), text.slice(end, end + 1))) return undefined;
  return { rule: "email-address", start, end, severity: "MEDIUM", detail: "an e-mail address" };
}

/** A last word may become a mail address, a last number a longer one. */
function openFrom(text: string): number {
  let word = text.length;
  while (word > 0 && text.length - word < 2 * maxLocalChars && isOpenInMail(text.charCodeAt(word - 1))) word--;
  let number = text.length;
  while (number > 0 && text.length - number < maxNumberChars && isOpenInNumber(text.charCodeAt(number - 1))) number--;
  while (number < text.length && text.charCodeAt(number) === 32) number++;
  return Math.min(word, number);
}

const isOpenInMail = (code: number): boolean => isLocal(code) || code === 64;
/** Digits, capitals, space and `()+-.` */
const isOpenInNumber = (code: number): boolean =>
  isDigit(code) ||
  isUpper(code) ||
  code === 32 ||
  code === 40 ||
  code === 41 ||
  code === 43 ||
  code === 45 ||
  code === 46;

/** Finds personal data, on the way to a model and back; off unless a product asks for it. */
export const piiGuard: Guard = {
  name: "pii",
  scan,
  search: (text) => new PiiSearch(text),
  look,
  *sealed(text, stretch, room) {
    const [disguised = []] = yield* disguisedMatches(text, [look], stretch, room);
    return disguised;
  },
  openFrom,
};
