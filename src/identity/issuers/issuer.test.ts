import { describe, expect, it } from "vitest";
import { isInside, readIssuers } from "./issuer.ts";

const sound = `
- issuer: https://login.example.com/realms/main
  audience: charter
  claims:
    role: realm_access.roles
    kind: charter_kind
    map:
      role: { charter-ops: operator, charter-admins: admin }
  defaults: { kind: executor }
`;

/** The problems that a text has. */
function problemsOf(text: string): string[] {
  try {
    readIssuers("issuers.yaml", text);
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: "issuers.invalid" });
    return (error as Error).message.split("\n");
  }
}

describe("readIssuers", () => {
  it("reads YAML and JSON, with what most issuers sign with", () => {
    const [issuer] = readIssuers("issuers.yaml", sound);
    expect(issuer).toEqual({
      issuer: "https://login.example.com/realms/main",
      audience: "charter",
      algorithms: ["RS256", "PS256", "ES256", "EdDSA"],
      claims: {
        role: "realm_access.roles",
        kind: "charter_kind",
        map: { role: { "charter-ops": "operator", "charter-admins": "admin" } },
      },
      defaults: { kind: "executor" },
    });
    expect(readIssuers("issuers.json", JSON.stringify([issuer]))).toEqual([issuer]);
  });

  it("says every problem with its line", () => {
    const wrong = `
- issuer: http://login.example.com
  audience: charter
  secret: x
  algorithms: [RS256, HS256]
  claims: { role: roles, map: { role: { boss: chief } } }
  defaults: { role: admin, kind: executor }
- audience: charter
`;
    const problems = problemsOf(wrong);
    expect(problems).toEqual([
      "issuers.yaml:4:3: secret is unknown here",
      expect.stringMatching(/^issuers\.yaml:5:23: 0\.algorithms\.1 .*allowed values: EdDSA/),
      expect.stringMatching(/^issuers\.yaml:6:41: 0\.claims\.map\.role\.boss .*allowed values: admin, operator/),
      expect.stringMatching(/^issuers\.yaml:7:15: 0\.defaults\.role .*allowed values: operator/),
      "issuers.yaml:8:3: 1 must have required property 'issuer'",
    ]);
  });

  it("refuses a file that is not there", () => {
    expect(() => readIssuers("issuers.yaml", undefined)).toThrow("issuers.yaml: there is no such file");
  });

  it.each([
    ["http://login.example.com", "issuer must be an https URL"],
    ["https://user:word@login.example.com", "issuer must be an https URL"],
    ["https://login.example.com/?a=b", "issuer must be an https URL"],
    ["file:///etc/passwd", "issuer must be an https URL"],
    ["login.example.com", "issuer must be an https URL"],
    ["http://127.0.0.1.example.com", "issuer must be an https URL"],
  ])("refuses the issuer %s", (url, message) => {
    const [problem] = problemsOf(sound.replace("https://login.example.com/realms/main", JSON.stringify(url)));
    expect(problem).toMatch(/^issuers\.yaml:2:\d+: /);
    expect(problem).toContain(message);
  });

  it.each([
    ["- issuer: https://a.example\n  audience: x\n", /:1:3: name the claim that says the role/],
    ["- issuer: https://a.example\n  issuer: https://b.example\n", /:2:3: Map keys must be unique/],
    [`${sound}${sound}`, /:11:3: this issuer is named twice/],
    [sound.replace("role: realm_access.roles", "product: p"), /there is a map for role, but no claim/],
    [sound.replace("issuer: h", "jwksUri: http://10.0.0.1/keys\n  issuer: h"), /jwksUri must be an https URL/],
    ["a: &x 1\nb: *x\n", /aliases are not allowed/],
    ["{}", /:1:1: the file must be array/],
    ["", /:1:1: the file must be array/],
    ["[", /issuers\.yaml:1:/],
    ["x".repeat(300_000), /too large/],
  ])("refuses %j", (text, message) => {
    expect(problemsOf(text).join("\n")).toMatch(message);
  });
});

describe("isInside", () => {
  it.each([
    "https://127.0.0.1/keys",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0.0.0.0/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::]/",
    "https://169.254.169.254/latest/meta-data",
    "https://[fd00:ec2::254]/",
    "https://10.1.2.3/",
    "https://localhost./",
    "https://keys.localhost/",
    "https://metadata.google.internal/",
  ])("knows %s for a host of our own network", (url) => {
    expect(isInside(new URL(url))).toBe(true);
  });

  it.each(["https://login.example.com/", "https://localhost.example.com/", "https://192.0.1.1/", "https://[2600::1]/"])(
    "takes %s for one of the Internet",
    (url) => {
      expect(isInside(new URL(url))).toBe(false);
    },
  );
});
