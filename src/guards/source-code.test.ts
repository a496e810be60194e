// Holds the guard for secrets to silence about source code: this repository's own, and snippets of other languages. What
// names a secret and holds none is no secret.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { secretsGuard } from "./secrets.ts";

const root = join(import.meta.dirname, "../..");

/** Files that hold a made-up secret in one piece, and which. */
const exceptions: Readonly<Record<string, string>> = {
  "src/models/catalogue/catalogue-file.test.ts": "a made-up key in a constant called `secret`",
  "src/guards/places.test.ts": "a made-up password and key that the test plants",
  "src/guards/references.test.ts": "made-up values that the test plants",
  "src/guards/stream-guard.test.ts": "made-up passwords that the test plants",
  "src/guards/touching.test.ts": "made-up tokens that the test plants",
  "src/identity/issuers/issuer.test.ts": "a password in a URL that the test has refused",
  "src/identity/key.ts": "an example of a key in the form of real ones",
  "test/scenario/file-modes.test.ts": "a password in a URL that the test plants",
  "test/scenario/gateway-bodies.test.ts": "a made-up key that the test plants",
  "test/security/disguises.ts": "a name and password of basic authentication that the test plants",
  "test/support/attack/fuzz-mutation.ts": "a token without a signature that the test sends",
};

function sources(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
}

const found = (text: string): readonly string[] =>
  secretsGuard.scan(text).map(({ rule, start, end }) => `${rule}: ${text.slice(start, end)}`);

const snippets: readonly (readonly [language: string, text: string])[] = [
  ["TypeScript", "return { passwordHash: account.passwordHash, currentPassword: made.json.oneTimePassword };"],
  ["TypeScript", "login({ password: values.passwordConfirm, apiKey: settings.openaiApiKey, token: session?.refreshToken2 })"],
  ["TypeScript", "const r = { password: req.user.tempPassword1, secret: Config.stripe.webhookSecret!, pwd: users[0].Password9 }"],
  ["TypeScript", 'fetch({ token: "/api/v1/auth/token", tokenEndpoint: "/oauth2/v1/token", secret: "../v2/secrets/main" })'],
  ["TypeScript", 'tokens = { credential_url: "https://login.acme.io/oauth2/v1/token" }; const tokenPath = "src/auth/token2/v1";'],
  ["Python", "user.password = forms.cleaned_data.password1\npasswd = getpass.getpass()\npwd = os.getcwd()\npassword=self.validated_data['password1']"],
  ["Python", 'password_hash: user.passwordHash\ntoken = auth_client.Session2.access_token\napi_key = os.environ["API_KEY_V2"]'],
  ["Go", "cfg := Config{Password: opts.DBPassword2, Token: ctx.Request.Header.AuthToken1}\npassword := flag.String(\"password\", \"\", \"x\")"],
  ["Go", "secret := base64.StdEncoding.EncodeToString(sum[:16])\ntoken := oauth2.StaticTokenSource(t1)"],
  ["Terraform", "password = random_password.db.result\nmaster_password = aws_ssm_parameter.DbPassword1.value\nsecret = module.vault.outputs.secret_v2"],
  ["YAML", "password: !Ref DatabasePassword1\ntoken: ${{ secrets.GITHUB_TOKEN }}\nsecretName: my-app-tls-secret-prod\npassword: {{ .Values.db.password }}"],
  ["shell", "export DB_PASSWORD=$DB_PASSWORD2\nTOKEN=$(cat /var/run/secrets/token)\nPASSWORD=\"${PASSWORD:-}\"\nSECRET_FILE=/run/secrets/db1/password"],
  ["Java", "credentials.setPassword(config.getPassword()); String password = request.getUser().password1; token = Tokens.V2.refreshToken;"],
  ["C++", "password = config->database->Password1; token = auth::Session2::token;"],
  ["form", '"grant_type=password&username=somebody1&password=wrong"'],
  ["jwt.io", "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"],
  ["AWS", "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
  ["RFC 6749", '{"access_token":"2YotnFZFEjr1zCsicMWpAA","refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA"}\nAuthorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW'],
  ["RFC 7617", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
]; // prettier-ignore

describe("source code", () => {
  it("of this repository raises no alarm, but for the exceptions above", () => {
    const files = [...sources("src"), ...sources("test")];
    expect(files.length).toBeGreaterThan(300);
    const alarms = files.flatMap((file) =>
      found(readFileSync(join(root, file), "utf8")).map((each) => `${file} ${each}`),
    );
    expect(alarms.filter((alarm) => !Object.hasOwn(exceptions, alarm.split(" ")[0]!))).toEqual([]);
  });

  it.each(snippets)("in %s raises no alarm: %s", (_language, text) => {
    expect(found(text)).toEqual([]);
    expect(found(JSON.stringify({ content: text }))).toEqual([]);
  });
});
