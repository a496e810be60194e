// What makes a text that has the form of personal data likely to be it: check digits, lengths, ranges and what stands near.

/** The check digit of payment cards (ISO/IEC 7812-1, annex B). */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    sum += i % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit;
  }
  return sum % 10 === 0;
}

/** First digits and lengths of the large card networks. */
const cardRanges: readonly (readonly [first: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|65|64[4-9])/, [16, 19]],
  [/^35(?:2[89]|[3-8])/, [16]],
  [/^3(?:0[0-5]|6|8)/, [14]],
  [/^62/, [16, 17, 18, 19]],
];

/** Whether a text is a number that a payment card may have, in one piece or in groups with one kind of separator. */
export function isCardNumber(found: string): boolean {
  if (found.includes(" ") && found.includes("-")) return false;
  const digits = found.replaceAll(/[ -]/g, "");
  const range = cardRanges.find(([first]) => first.test(digits));
  return range !== undefined && range[1].includes(digits.length) && new Set(digits).size > 1 && passesLuhn(digits);
}

/** Whether the area, group and serial are such as were given out (Social Security Administration, before 2011 and since). */
export function isSocialSecurityNumber(found: string): boolean {
  const [area = "", group = "", serial = ""] = found.split("-");
  return area !== "000" && area !== "666" && !area.startsWith("9") && group !== "00" && serial !== "0000";
}

/** Lengths of IBANs by country (SWIFT IBAN registry). */
const ibanLengths: Readonly<Record<string, number>> = Object.fromEntries(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 " +
    "GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 " +
    "MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 " +
    "TN24 TR26 UA29 VA22 VG24 XK20"
  )
    .split(" ")
    .map((each) => [each.slice(0, 2), Number(each.slice(2))]),
);

/** Whether a text is an IBAN: its country's length, and 1 as the remainder by 97 (ISO 13616, ISO/IEC 7064). */
export function isIban(found: string): boolean {
  const text = found.replaceAll(" ", "");
  if (text.length !== ibanLengths[text.slice(0, 2)]) return false;
  let remainder = 0;
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

const saysPhone = /(?:tel|phone|call|mobile|cell|fax|whatsapp|sms|ring|text me|dial|reach (?:me|us))[^\n]{0,16}$/i;
const northAmerican = /^(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[.-])[2-9]\d{2}[ .-]\d{4}$/;

/**
 * Whether a text is a telephone number: international with a plus, in the North American grouping, or in another form
 * behind a word that says so.
 */
export function isPhoneNumber(found: string, before: string): boolean {
  const digits = digitsIn(found);
  if (digits < 7 || digits > 15) return false;
  if (found.startsWith("+")) {
    return !found.startsWith("+0") && digits >= 8 && new Set(found.replaceAll(/\D/g, "")).size > 2;
  }
  if (digits > 9 && digits < 12 && northAmerican.test(found)) return true;
  return digits >= 8 && digits <= 12 && mayTell.test(before) && saysPhone.test(before) && !isDate.test(found);
}

/** Quicker than what says it: whether a letter stands there at all. */
const mayTell = /[A-Za-z]/;
const isDate = /^\d{4}-\d{2}-\d{2}/;

function digitsIn(found: string): number {
  let digits = 0;
  for (let i = 0; i < found.length; i++) {
    const code = found.charCodeAt(i);
    if (code > 47 && code < 58) digits++;
  }
  return digits;
}

/** Domains that are set aside for documentation and tests (RFC 2606, RFC 6761). */
const reservedDomain = /(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost|local)$/i;
/** What stands behind the dot of a file rather than of a domain. */
const fileEnd =
  /\.(?:png|jpe?g|gif|svg|webp|avif|ico|css|scss|m?js|ts|tsx|jsx|json|ya?ml|md|txt|html?|py|rs|go|java|tgz|zip|gz|lock)$/i;

/** Whether a text is the address of someone, not of a repository, a package, a picture or an example. */
export function isMailAddress(local: string, domain: string, after: string): boolean {
  if (reservedDomain.test(domain) || fileEnd.test(domain)) return false;
  if (!/\.[A-Za-z]{2,24}$/.test(domain) || /(?:^|\.)-|-(?:\.|$)/.test(domain)) return false;
  if (/^[.%+-]|\.$|\.\./.test(local)) return false;
  // `git@host.tld:path` names a repository.
  return !(after === ":" && /^(?:git|hg|svn)$/.test(local));
}
