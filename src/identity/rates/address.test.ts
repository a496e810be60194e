import { describe, expect, it } from "vitest";
import { countedAddress } from "./address.ts";

describe("countedAddress", () => {
  it.each([
    ["203.0.113.9", "203.0.113.9"],
    ["::ffff:203.0.113.9", "203.0.113.9"],
    ["::ffff:cb00:7109", "203.0.113.9"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
    ["2001:db8:1:3::1", "2001:db8:1:3::/64"],
    ["::1", "::/64"],
    ["fe80::1%eth0", "fe80::/64"],
  ])("counts %s as %s", (address, counted) => {
    expect(countedAddress(address)).toBe(counted);
  });

  it("takes what is no address as it is, but not at any length", () => {
    expect(countedAddress("unknown")).toBe("unknown");
    expect(countedAddress("x".repeat(5000))).toHaveLength(64);
  });
});
