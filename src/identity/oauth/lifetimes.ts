// How long what the authorization server hands out is good, seconds, and why.

/** An access token: short, because a stolen one works until it ends or is found out. */
export const accessTokenSeconds = 30 * 60;

/** A refresh token that is not used: a week away from the desk. */
export const refreshTokenSeconds = 7 * 24 * 3600;

/** A family of tokens, however often it is refreshed: then the person signs in again. */
export const familySeconds = 30 * 24 * 3600;

/** An authorization code: it travels through a browser once (RFC 6749 section 4.1.2 recommends at most ten minutes). */
export const codeSeconds = 60;

/** A client assertion (RFC 7523): it is used at once, and is remembered until it ends. */
export const assertionSeconds = 300;

/** How far clocks may be apart, seconds. */
export const skewSeconds = 5;

/** How long a used refresh token is still good where the constitution does not say, seconds. */
export const refreshGraceSeconds = 10;
