// Tokens that letters touch: those of an escape in front of them, and any others.
import { describe, expect, it } from "vitest";
import { redactSecrets, secretsGuard } from "./secrets.ts";

const body = "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5";
const tokens = {
  github: ["ghp", body].join("_"),
  "github fine-grained": ["github", "pat", "11Q7RTZXL0aB3dE5fG7hI9", `${body}zA7bC9dE1fG3hI5jK7lM9nO`].join("_"),
  anthropic: ["sk", "ant", "api03", `${body.repeat(3).slice(0, 93)}AA`].join("-"),
  aws: ["AKIA", "Q7RSTUVW3XYZ5ABC"].join(""),
  gitlab: ["glpat", "aB3dE5fG7hI9jK1lM3nO"].join("-"),
  slack: ["xoxb", "482913750612", "7390284615093", "aB3dE5fG7hI9jK1lM3nO5pQ7"].join("-"),
  google: ["AIza", body.slice(0, 35)].join(""),
  jwt: [
    Buffer.from('{"alg":"HS256"}').toString("base64url"),
    Buffer.from('{"sub":"jane"}').toString("base64url"),
    body,
  ].join("."),
};

describe.each(Object.entries(tokens))("a token of %s", (_name, token) => {
  it.each([
    ["a line break in JSON", JSON.stringify({ content: `first line\n${token}\nlast` })],
    ["a tab in JSON", JSON.stringify({ content: `a\t${token}` })],
    ["a line break in JSON in JSON", JSON.stringify({ output: JSON.stringify({ content: `a\n${token}` }) })],
    ["a letter", `x${token}`],
    ["a word", `token${token}`],
    ["letters in capitals", `AAAA${token}`],
    ["an escape of a letter", `\\x41${token}`],
    ["a percent sign and digits", `a%20${token}`],
  ])("is taken out behind %s", (_what, text) => {
    expect(redactSecrets(text)).not.toContain(token);
  });
});

describe("letters behind a token", () => {
  it("are taken out with it", () => {
    expect(redactSecrets(`a ${tokens.github}AAAA b`)).toBe("a [redacted: github-pat] b");
    expect(redactSecrets(`a ${tokens.gitlab}${"A".repeat(80)} b`)).not.toContain(tokens.gitlab);
  });
});

describe("words that end as a token begins", () => {
  it.each([
    "disk-0123456789abcdef0123456789abcdef",
    "monkey-0123456789abcdef0123456789abcdef",
    "EURASIANCOUNTRIESINALPHABETICORDER",
    "msg.aaaaaaaaaaaaaaaaaaaaaa.b",
  ])("are no token: %s", (text) => {
    expect(secretsGuard.scan(text)).toEqual([]);
  });
});

describe("values behind names in a string of JSON", () => {
  const value = "q7RtX2mLp9Zk4Wv8Nb3c";
  it.each([
    JSON.stringify({ env: `API_KEY=${value}\nPORT=80` }),
    JSON.stringify({ output: JSON.stringify({ api_key: value, password: `${value}!` }) }),
    JSON.stringify({ output: JSON.stringify({ out: JSON.stringify({ password: value }) }) }),
  ])("are taken out: %s", (text) => {
    const redacted = redactSecrets(text);
    expect(redacted).not.toContain(value);
    expect(() => JSON.parse(redacted) as unknown).not.toThrow();
  });
});
