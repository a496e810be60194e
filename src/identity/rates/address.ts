// Which callers count as one when they are counted by network address. Pure.
import ipaddr from "ipaddr.js";

/** Longest text that is kept of what is not an address; a proxy may pass on anything. */
const maxOddLength = 64;
/** Bits of an IPv6 address that name a network: a customer is given at least a /64 and can use every address in it. */
const networkBits = 64;

/**
 * The address as it counts: IPv4 as it is, also when it arrives mapped into IPv6; of IPv6 its /64. What is not an address
 * counts as its text.
 */
export function countedAddress(address: string): string {
  const plain = address.replace(/%.*$/s, "");
  // Only the four-part decimal form: others never come from a socket.
  if (ipaddr.IPv4.isValidFourPartDecimal(plain)) return plain;
  if (!ipaddr.IPv6.isValid(plain)) return address.slice(0, maxOddLength);
  const parsed = ipaddr.process(plain);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${networkBits}`);
  return `${network.toString()}/${networkBits}`;
}
