// Findings that are accepted, each with the reason why it is none of Charter's. One that no run reports any more is itself a
// finding, so that the list cannot outlive its reasons.

/** One accepted finding. */
export interface Accepted {
  readonly check: string;
  readonly id: string;
  /** Held against where it was found and what was said. */
  readonly matches: RegExp;
  readonly why: string;
}

/** The list. */
export const accepted: readonly Accepted[] = [
  {
    check: "testssl.sh",
    id: "cert_revocation",
    matches: /Neither CRL nor OCSP URI provided/,
    why: "the certificate is of `charter certs dev`, whose authority lives for one folder and publishes nothing; a real one is the operator's",
  },
  {
    check: "wapiti",
    id: "HTTP Secure Headers",
    matches: /X-XSS-Protection is not set/,
    why: "the filter that it steered is gone from browsers and was itself a hole; the content security policy stands in its place",
  },
  {
    check: "wapiti",
    id: "HTTP Secure Headers",
    matches: /authorize .*Strict-Transport-Security is not set/,
    why: "this page is asked for over plain HTTP, where the header must not be sent (RFC 6797 section 7.2); over TLS it is sent",
  },
  {
    check: "wapiti",
    id: "Cross Site Request Forgery",
    matches: /POST \/api\/v1\/auth\/authorize /,
    why: "the form carries a password and there are no cookies, so another site has no session to ride on",
  },
];
