import { assert, ipV4, nat, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { isNetworkWithin, isWithin, networkOf } from "./scope.ts";

describe("the networks of a key", () => {
  it.each([
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["::ffff:10.1.2.3", "10.0.0.0/8", true],
    ["2001:db8::1", "2001:db8::/32", true],
    ["2001:db9::1", "2001:db8::/32", false],
    ["10.1.2.3", "2001:db8::/32", false],
    ["", "0.0.0.0/0", false],
    ["nobody", "0.0.0.0/0", false],
  ])("%s in %s: %s", (address, network, expected) => {
    expect(isWithin(address, [network])).toBe(expected);
  });

  it("contain exactly the address that is given without a prefix", () => {
    assert(property(ipV4(), ipV4(), (one, other) => isWithin(other, [networkOf(one) ?? ""]) === (one === other)));
  });

  it.each(["", "10.0.0.0/33", "300.1.1.1", "10.0.0.0/8/8", "localhost", "::1/129", "10.0.0.0/-1"])(
    "are refused as %j",
    (text) => {
      expect(networkOf(text)).toBeUndefined();
    },
  );
});

describe("a network within others", () => {
  it.each([
    ["10.1.0.0/16", ["10.0.0.0/8"], true],
    ["10.1.2.3", ["10.1.2.3/32"], true],
    ["10.0.0.0/7", ["10.0.0.0/8"], false],
    ["0.0.0.0/0", ["0.0.0.0/1", "128.0.0.0/1"], false],
    ["::ffff:10.0.0.0/104", ["10.0.0.0/8"], false],
    ["2001:db8:1::/48", ["10.0.0.0/8", "2001:db8::/32"], true],
    ["nowhere", ["0.0.0.0/0"], false],
  ])("%s in %j: %s", (network, others, expected) => {
    expect(isNetworkWithin(network, others)).toBe(expected);
  });

  it("lies there with every address that it has", () => {
    assert(
      property(ipV4(), ipV4(), nat(32), nat(32), (one, other, bits, otherBits) => {
        const [network, around] = [`${one}/${bits}`, `${other}/${otherBits}`];
        return !isNetworkWithin(network, [networkOf(around) ?? ""]) || isWithin(one, [around]);
      }),
    );
  });
});
