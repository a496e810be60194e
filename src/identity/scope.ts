// What narrows a key beyond its kind: a role, operations, an expiry and the networks it may be used from. Pure.
import ipaddr from "ipaddr.js";
import type { PrincipalKind, Role } from "../kernel/ctx.ts";

/** The role of a credential of a kind, when none is chosen. */
export const defaultRoles: Readonly<Record<PrincipalKind, Role>> = {
  admin: "admin",
  executor: "operator",
  product: "developer",
  ai_agent: "developer",
  auditor: "observer",
};

/** Most operations and most networks in one scope; more is a sign that another role is meant. */
export const maxScopeEntries = 50;

/** A network in its canonical form (`10.0.0.0/8`; a bare address becomes the network of that address), or undefined. */
export function networkOf(text: string): string | undefined {
  const cidr = text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`;
  if (!ipaddr.isValidCIDR(cidr)) return undefined;
  const [address, bits] = ipaddr.parseCIDR(cidr);
  return `${address.toString()}/${bits}`;
}

/** Whether every address of a network lies in one of the others. Both are in CIDR notation; one that is not lies in none. */
export function isNetworkWithin(network: string, others: readonly string[]): boolean {
  const canonical = networkOf(network);
  if (canonical === undefined) return false;
  const [address, bits] = ipaddr.parseCIDR(canonical);
  return others.some((other) => {
    const [range, otherBits] = ipaddr.parseCIDR(other);
    return range.kind() === address.kind() && otherBits <= bits && address.match(range, otherBits);
  });
}

/** Whether an address lies in one of the networks. An IPv4 address counts the same when it arrives mapped into IPv6. */
export function isWithin(address: string, networks: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const caller = ipaddr.process(address);
  return networks.some((network) => {
    const [range, bits] = ipaddr.parseCIDR(network);
    return range.kind() === caller.kind() && caller.match(range, bits);
  });
}
