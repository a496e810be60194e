// How what went wrong is worded for callers.
import { describe, expect, it } from "vitest";
import { httpFault } from "./errors.ts";
import { faultOf, problemOf } from "./problem.ts";

describe("a problem", () => {
  it.each([
    ["the body is larger than it may be", "The body is larger than it may be."],
    ["usage.read needs the permission budget.view", "usage.read needs the permission budget.view."],
    ["grok-4 takes no call now", "grok-4 takes no call now."],
    ["half-open it is", "Half-open it is."],
    ["Is it so?", "Is it so?"],
  ])("is told in sentences, and names stay as they are written: %s", (said, told) => {
    expect(problemOf(httpFault("request.invalid", said), "id", "hash").detail).toBe(told);
  });

  it("names a field that there is not, and no more of it than a name has", () => {
    const refusal = (name: string): Error =>
      Object.assign(new Error("querystring must NOT have additional properties"), {
        validation: [{ instancePath: "", params: { additionalProperty: name } }],
        validationContext: "querystring",
      });
    const { message, facts } = faultOf(refusal("group_by"));
    expect([message, facts.at]).toEqual(['there is no field "group_by" here', "querystring/group_by"]);
    expect(faultOf(refusal("x".repeat(10_000))).message.length).toBeLessThan(100);
  });
});
