import { afterEach, expect, it, vi } from "vitest";
import { requirement } from "./requires.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

it("says why a need is not met, and that it is met when it is", () => {
  vi.stubEnv("CHARTER_TEST_POSTGRES_URL", "");
  expect(requirement("postgres")).toEqual({ available: false, reason: expect.stringContaining("npm test") });
  vi.stubEnv("CHARTER_TEST_POSTGRES_URL", "postgres://127.0.0.1/x");
  expect(requirement("postgres")).toEqual({ available: true });
});

it("finds no tool on an empty path", () => {
  vi.stubEnv("PATH", "/nonexistent");
  expect(requirement("go")).toMatchObject({ available: false });
  expect(requirement("openssl")).toMatchObject({ available: false });
});
