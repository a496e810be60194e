// Settings that hold a URL or a mail address: what can be wrong with one, as the end of a sentence. Empty ones are not set.

/** What is wrong with the URL under which people reach the server. */
export function httpUrlProblem(text: string): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return "must be an http or https URL";
  return url.username + url.password + url.search + url.hash === ""
    ? undefined
    : "must not hold more than host and path";
}

/** What is wrong with the URL of a proxy, which may hold a password; says nothing of that. */
export function proxyProblem(text: string): string | undefined {
  if (text === "" || text === "none") return undefined;
  const url = URL.parse(text);
  const usable = url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "";
  return usable ? undefined : "must be `none`, or an http or https URL of a proxy";
}

/** What is wrong with the URL of an SMTP server; says nothing of its password. */
export function smtpUrlProblem(text: string): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text);
  const usable = url !== null && /^smtps?:$/.test(url.protocol) && url.hostname !== "";
  return usable ? undefined : "must be smtp://user:password@host:port or smtps://";
}

/** What is wrong with the address that mails come from. */
export function addressProblem(text: string): string | undefined {
  const usable =
    /^(?:[\p{L}\p{N} ._'-]{1,100} <[^\s<>@,;:"]{1,64}@[A-Za-z0-9.-]{1,253}>|[^\s<>@,;:"]{1,64}@[A-Za-z0-9.-]{1,253})$/u;
  return usable.test(text) ? undefined : "must be an address or `Name <address>`";
}
