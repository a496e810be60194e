import { describe, expect, it } from "vitest";
import { isRoleWithin, lesserRole } from "./roles.ts";
import type { RoleTable } from "./roles.ts";

const table: RoleTable = {
  admin: { requestsPerMinute: 9, permissions: ["task.view", "task.create", "budget.configure"] },
  operator: { requestsPerMinute: 5, permissions: ["task.view", "task.create"] },
  developer: { requestsPerMinute: 7, permissions: ["task.create", "task.view"] },
  observer: { requestsPerMinute: 9, permissions: ["task.view", "budget.configure"] },
  anonymous: { requestsPerMinute: 10, permissions: [] },
};

describe("the lesser of two roles", () => {
  it("is the one whose permissions the other has too, whatever the two are called", () => {
    expect(lesserRole("observer", "admin", table)).toBe("observer");
    expect(lesserRole("admin", "operator", table)).toBe("operator");
    expect(lesserRole("anonymous", "observer", table)).toBe("anonymous");
    expect(lesserRole("operator", "operator", table)).toBe("operator");
  });

  it("is the one that may call less often when both have the same permissions", () => {
    expect(lesserRole("operator", "developer", table)).toBe("operator");
    expect(lesserRole("developer", "operator", table)).toBe("operator");
  });

  it("is neither when each has something that the other lacks", () => {
    expect(lesserRole("observer", "developer", table)).toBeUndefined();
    expect(lesserRole("operator", "observer", table)).toBeUndefined();
  });
});

describe("a role lies within another one", () => {
  it("that has its permissions and may call as often", () => {
    expect(isRoleWithin("operator", "developer", table)).toBe(true);
    expect(isRoleWithin("developer", "operator", table)).toBe(false);
    expect(isRoleWithin("observer", "developer", table)).toBe(false);
    expect(isRoleWithin("anonymous", "admin", table)).toBe(false);
  });
});
