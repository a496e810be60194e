// Who a request comes from and which host it is for. `X-Forwarded-*` is believed only from proxies that an operator has
// named; then the client is the rightmost address that is not such a proxy, because everything left of it was written by
// that client.
import { isIP, isIPv4 } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { httpFault } from "../errors.ts";

/** Most hops of a forwarded chain that are looked at; longer ones are cut at the far end, which no one vouches for. */
const maxHops = 32;

/** The address a request comes from, as text; an IPv4 address that arrived mapped into IPv6 reads as IPv4. */
export function addressOf(request: FastifyRequest): string {
  return plainAddress(request.ip);
}

/** An address without its IPv6 mapping or zone; empty when there is none, as on a socket that is gone. */
export function plainAddress(address: string | undefined): string {
  const [text = ""] = address?.includes("%") === true ? address.split("%") : [address];
  const mapped = /^::ffff:([\d.]+)$/i.exec(text)?.[1];
  return mapped !== undefined && isIPv4(mapped) ? mapped : text;
}

/**
 * Cuts a forwarded chain at the first word, from the right, that is not an address: what lies beyond was not written by a
 * proxy that works. Ports, which some proxies add, are taken off.
 */
export function soundChain(chain: string): string {
  const sound: string[] = [];
  for (const word of chain.split(",").toReversed().slice(0, maxHops)) {
    const address = word
      .trim()
      .replace(/^\[([^\]]*)\](:\d{1,5})?$/, "$1")
      .replace(/^([\d.]+):\d{1,5}$/, "$1");
    if (isIP(address) === 0) break;
    sound.unshift(plainAddress(address));
  }
  return sound.join(", ");
}

/** Makes forwarded chains sound before anybody reads them, and refuses requests for hosts that are not ours. */
export function readForwarding(
  app: FastifyInstance,
  trustedProxies: readonly string[],
  allowedHosts: readonly string[],
): void {
  const hosts = new Set(allowedHosts);
  if (trustedProxies.length > 0) {
    app.addHook("onRequest", async ({ raw }) => {
      const chain = raw.headers["x-forwarded-for"];
      if (typeof chain === "string") raw.headers["x-forwarded-for"] = soundChain(chain);
    });
  }
  if (hosts.size === 0) return;
  app.addHook("onRequest", async (request) => {
    // Probes reach a server by its address, and their answers say nothing of what is stored.
    const { operation } = request.routeOptions.config;
    if (operation === "health.read" || operation === "ready.read") return;
    if (!hosts.has(hostName(request.host))) {
      throw httpFault("request.misdirected", "this server does not answer for that host", {
        at: "Host",
        remedy: "use the server's own name; operators list the names in http.allowedHosts",
      });
    }
  });
}

/** A Host header without its port, in lower case. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}
