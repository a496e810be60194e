// What stays a secret although it stands in code, in a path or next to an example.
import { describe, expect, it } from "vitest";
import { isDocumented, isPath, isReference } from "./references.ts";
import { secretsGuard } from "./secrets.ts";

describe("a value in code", () => {
  it.each([
    "password: Tr0ub4dor&3x9",
    'password: "admin.Passw0rd1"',
    "password=aB3.dE5fG7hI9",
    'api_key: "q7RtX2mL.p9Zk4Wv8"',
    "token: q7RtX2mLp9Zk4Wv8Nb3c",
  ])("is a secret when it is no name: %s", (text) => {
    expect(secretsGuard.scan(text)).toHaveLength(1);
  });

  it.each(["a.b", "user.passwordHash", "x?.y!.Zed2", "$this->db->pass", "Auth::token1", "getPass()", "keys[0]"])(
    "is a name: %s",
    (text) => {
      expect(isReference(text)).toBe(true);
    },
  );

  it.each(["plain", "q7RtX2.mLp9Zk", "correct horse.x", "a..b", "a.b=c"])("is no name: %s", (text) => {
    expect(isReference(text)).toBe(false);
  });
});

describe("a path", () => {
  it.each(["/api/v1/auth/token", "https://acme.io/oauth2/v1/token", "../secrets/db1", "a/b/c-d", "/users/:id/token"])(
    "holds no secret: %s",
    (text) => {
      expect(isPath(text)).toBe(true);
    },
  );

  it.each(["/q7RtX2mLp9Zk4Wv8Nb3c", "https://app:s3cr3t@acme.io/x", "https://acme.io/?t=1", "7k/Rt/X2mLp9", "word"])(
    "may be one: %s",
    (text) => {
      expect(isPath(text)).toBe(false);
    },
  );
});

describe("an example of documentation", () => {
  it("is known as it is printed, and not when anything else stands beside its signature", () => {
    const [header, claims, signature] = [
      "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
      "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ",
      "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    ];
    expect(isDocumented(`${header}.${claims}.${signature}`)).toBe(true);
    const other = Buffer.from('{"sub":"somebody else"}').toString("base64url");
    expect(secretsGuard.scan(`t ${header}.${other}.${signature}`)).toHaveLength(1);
  });
});
