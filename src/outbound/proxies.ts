// Which proxy a provider is reached through. Pure. Promises:
//
// 1. What is on this machine, or on its own link, is never asked for through a proxy: to the proxy, loopback is the proxy's own
//    machine, and a link is the proxy's own network.
// 2. `NO_PROXY` holds however the proxy was named: names with all that lies below them, with a port, addresses, blocks of addresses, or
//    `*` for everything.
// 3. No message holds a proxy's password.
import ipaddr from "ipaddr.js";

type Variables = Readonly<Record<string, string | undefined>>;

/** Chooses the proxy for a base URL; undefined for none. */
export type ProxyChoice = (baseUrl: string) => URL | undefined;

/**
 * Reads what the operator says of proxies: the empty text means HTTPS_PROXY and HTTP_PROXY by the provider's scheme, in either
 * case, and ALL_PROXY where that is not set; `none` is none; anything else is the proxy of all providers.
 * @throws TypeError for a proxy that is no http or https URL.
 */
export function readProxies(setting: string, variables: Variables): ProxyChoice {
  if (setting === "none") return () => undefined;
  const isDirect = directHosts(said(variables, "NO_PROXY"));
  const isOne = setting !== "";
  const any = isOne ? setting : said(variables, "ALL_PROXY");
  const proxyOf = (name: string): URL | undefined => {
    const text = isOne ? setting : said(variables, name) || any;
    return text === "" ? undefined : proxyUrl(text, isOne ? "gateway.proxy" : name);
  };
  const proxies: Readonly<Record<string, URL | undefined>> = {
    "https:": proxyOf("HTTPS_PROXY"),
    "http:": proxyOf("HTTP_PROXY"),
  };
  return (baseUrl) => {
    const url = new URL(baseUrl);
    return isLocal(hostOf(url)) || isDirect(url) ? undefined : proxies[url.protocol];
  };
}

function said(variables: Variables, name: string): string {
  return (variables[name.toLowerCase()] ?? variables[name] ?? "").trim();
}

/** A proxy without a scheme is spoken to in plain HTTP, as curl does. */
function proxyUrl(text: string, name: string): URL {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "") return url;
  throw new TypeError(`${name} is no http or https URL of a proxy`);
}

/** A host without the brackets of IPv6 and without the dot of a full name. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

const localRanges: ReadonlySet<string> = new Set(["loopback", "linkLocal", "unspecified"]);

function isLocal(host: string): boolean {
  if (host === "localhost" || host.endsWith(".localhost")) return true;
  const address = addressOf(host);
  return address !== undefined && localRanges.has(address.range());
}

/** An address, of IPv4 where it is one of IPv4 in the form of IPv6; undefined for a name. */
function addressOf(host: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  return ipaddr.isValid(host) ? ipaddr.process(host) : undefined;
}

/** Who is asked without a proxy. */
function directHosts(list: string): (url: URL) => boolean {
  const entries = list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "");
  if (entries.includes("*")) return () => true;
  const blocks: (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[] = [];
  const names: { readonly name: string; readonly port: string }[] = [];
  for (const entry of entries) {
    const block = blockOf(entry);
    if (block !== undefined) {
      blocks.push(block);
      continue;
    }
    const [, host = "", port = ""] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
    const name = host
      .replace(/^\[(.*)\]$/, "$1")
      .replace(/^\*?\./, "")
      .replace(/\.$/, "");
    if (name !== "") names.push({ name, port });
  }
  return (url) => {
    const host = hostOf(url);
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    const isNamed = names.some(
      (each) => (host === each.name || host.endsWith(`.${each.name}`)) && (each.port === "" || each.port === port),
    );
    const address = addressOf(host);
    return isNamed || blocks.some(([from, bits]) => address?.kind() === from.kind() && address.match(from, bits));
  };
}

/** An address, or a block of them, as its first address and its length; undefined for what is neither. */
function blockOf(entry: string): readonly [ipaddr.IPv4 | ipaddr.IPv6, number] | undefined {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
  const address = addressOf(entry);
  return address && [address, address.kind() === "ipv4" ? 32 : 128];
}
