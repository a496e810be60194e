// Tells what stands where a secret would stand and is none: names of program code that stand for a value, paths and addresses,
// and the examples of well-known documentation.

/** A name as programs write it: words, in any case, with digits only at its end. */
const word = String.raw`[$_]{0,2}[A-Za-z][a-z]{0,24}(?:_[a-z]{0,24}|[A-Z][a-z]{0,24}){0,40}\d{0,3}`;
const step = String.raw`(?:\?\.|!?\.|::|->)${word}`;
const reference = new RegExp(`^[&*!@]?${word}(?:${step}){1,12}[!?;:]{0,2}$`);
const reached = new RegExp(`^[&*!@]?${word}(?:${step}){0,12}[!?]?\\.?[([{]`);

/** Whether code that no quotes enclose names a value: fields behind dots, a call, or what stands at an index. */
export function isReference(text: string): boolean {
  return reference.test(text) || reached.test(text);
}

const segment =
  /^(?:[:{$]?[A-Za-z]?[a-z]{1,24}(?:[-_.][a-z]{1,24}|[A-Z][a-z]{1,24}){0,8}[\d}]{0,3}|v\d{1,2}(?:\.\d{1,3}){0,2}|\d{1,4}|\.{1,2}|[A-Z]{2,12})$/;

/** Whether a text is a path or an address of words, which holds no credentials. */
export function isPath(text: string): boolean {
  const bare = text.replace(/^https?:\/\/[a-z0-9.-]{1,100}(?::\d{1,5})?(?=\/|$)/i, "");
  if (bare === "") return true;
  if (bare === text && !/^(?:\.{0,2}|~)\//.test(text) && text.split("/").length < 3) return false;
  return bare
    .replace(/^(?:\.{0,2}|~)\//, "")
    .split("/")
    .every((each) => each === "" || segment.test(each));
}

/**
 * Secrets that documentation shows: of jwt.io, of RFC 6749, 6750, 7515, 7519, 7617 and 7636, and of AWS. They open nothing,
 * and a text that holds one whole says nothing else.
 */
const documented: ReadonlySet<string> = new Set([
  "2YotnFZFEjr1zCsicMWpAA", "tGzv3JOkF0XG5Qx2TlKWIA", "7Fjfp0ZBr1KtDRbnfVdmIw", "czZCaGRSa3F0MzpnWDFmQmF0M2JW",
  "gX1fBat3bV", "SplxlOBeZQQYbYS6WxSbIA", "mF_9.B5f-4.1JqM", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "QWxhZGRpbjpvcGVuc2VzYW1l",
  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
]); // prettier-ignore

/** Headers and claims of tokens that documentation shows, each with the signature that was made for them. */
const documentedTokens: ReadonlySet<string> = new Set([
  "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
  "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWUsImlhdCI6MTUxNjIzOTAyMn0.KMUFsIDTnFmyG3nMiGM6H9FNFUROf3wh7SmqJp-QV30",
  "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9.TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ",
  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
]);

/** Whether a text is an example of well-known documentation, as it is printed there. */
export function isDocumented(text: string): boolean {
  return documented.has(text) || documentedTokens.has(text);
}
