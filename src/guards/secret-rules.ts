// Credentials that are known by their form: what each provider's key looks like, written from the providers' own
// documentation of their prefixes and lengths. Ids follow the names that secret scanners commonly use.
import { undecidedToken } from "./anchored-rules.ts";
import type { AnchoredRule } from "./anchored-rules.ts";
import type { GuardSeverity } from "./guard.ts";
import { entropyOf, isMask } from "./randomness.ts";

/** What a rule may say beyond its form. */
interface More {
  readonly back?: readonly number[];
  readonly window?: number;
  /** Least entropy, bits per character; 3 when left out, which random text of 20 characters exceeds. */
  readonly entropy?: number;
  readonly severity?: GuardSeverity;
  readonly accept?: (found: string) => boolean;
  readonly standsFree?: boolean;
  /** True when no letter may touch it, whatever its words are. */
  readonly exact?: boolean;
}

/** No letter or digit may follow: a longer text is something else. */
const end = "(?![A-Za-z0-9])";

/**
 * Words whose letters and marks, with the form behind them, chance does not bring about: such a token is one wherever it
 * stands, whatever letters touch it. Shorter words and forms of hexadecimal digits alone end other words, as in `disk-`.
 */
const distinctive = /^(?=.*[_.-])(?!.*=)[\w.-]{4,}$/;
const ambiguous = /^(?:sk-[0-9a-f]|key-)$/;

/** No letter or digit stands in front, but for that of an escape. */
const free = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[nrtbfv]))`;

/** Behind a short word, letters touch a token on one side only: on both, encoded bytes bring it about by chance. */
function touchable({ source }: RegExp, words: readonly string[]): string {
  return words.some((word) => word.length < 5) ? `(?:${free}${source}|${source}${end})` : source;
}

/** Most letters behind a token that are taken out with it. */
const maxTouchingChars = 256;
const touching = new RegExp(`[A-Za-z0-9]{0,${maxTouchingChars}}`, "y");

/** What follows a token and could be of it must not make it look plain. */
const toldChars = 40;

function looksRandom(found: string, entropy: number): boolean {
  return entropyOf(found) >= entropy || (found.length > toldChars && entropyOf(found.slice(0, toldChars)) >= entropy);
}

/** Where the letters end that touch a token. */
function endOfLetters(text: string, from: number): number {
  touching.lastIndex = from;
  touching.test(text);
  return touching.lastIndex;
}

/** A rule for a token: an id, the words it stands on, its form, and what it is. */
function token(id: string, keywords: string, form: RegExp, what: string, more: More = {}): AnchoredRule {
  const { back, window = 300, entropy = 3, severity = "CRITICAL", accept, standsFree } = more;
  const words = keywords.split(" ");
  const touches =
    back === undefined && words.every((word) => distinctive.test(word) && !ambiguous.test(word)) && !more.exact;
  return {
    id,
    keywords: words,
    pattern: new RegExp(touches ? touchable(form, words) : `${form.source}${end}`, "y"),
    window,
    undecided: undecidedToken,
    severity,
    detail: what,
    accept: (found) => looksRandom(found, entropy) && !isMask(found) && (accept?.(found) ?? true),
    ...(back && { back }),
    ...(touches ? { standsFree: false, extend: endOfLetters } : standsFree !== undefined && { standsFree }),
  };
}

const hex = "0123456789abcdef".split("");
const hasDigit = (text: string): boolean => /\d/.test(text);

/** Behind a letter it holds a digit, unlike words in capitals. */
const awsKeyId = new RegExp(String.raw`(?:${free}|(?=[A-Z]{4,19}\d))A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}`);

const clouds: readonly AnchoredRule[] = [
  token("aws-access-key", "akia asia abia acca", awsKeyId, "an AWS access key id", { standsFree: false }),
  token("aws-bedrock-key", "absk", /ABSK[A-Za-z0-9+/]{100,269}={0,2}/, "an Amazon Bedrock API key"),
  token("gcp-api-key", "aiza", /AIza[\w-]{35}/, "a Google API key", { standsFree: false }),
  token("gcp-oauth-client-secret", "gocspx-", /GOCSPX-[\w-]{28}/, "a Google OAuth client secret"),
  token("gcp-oauth-access-token", "ya29.", /ya29\.[\w-]{30,250}/, "a Google OAuth access token"),
  token("gcp-refresh-token", "1//0", /1\/\/0[\w-]{40,200}/, "a Google OAuth refresh token"),
  token("azure-ad-client-secret", "q~", /[\w~.]{3}\dQ~[\w~.-]{31,34}/, "an Azure client secret", { back: [4] }),
  token("azure-storage-key", "accountkey=", /AccountKey=(?<found>[A-Za-z0-9+/]{86}==)/, "an Azure storage key"),
  token("azure-shared-access-signature", "sig=", /sig=(?<found>[A-Za-z0-9%+/]{43,80}(?:%3D|=))/i, "an Azure signature"),
  token("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", /do[opr]_v1_[a-f0-9]{64}/, "a DigitalOcean token"),
  token("alibaba-access-key", "ltai", /LTAI[A-Za-z0-9]{20}/, "an Alibaba Cloud access key id"),
  token("heroku-api-key", "hrku-", /HRKU-[\w-]{36,64}/, "a Heroku API key"),
  token("planetscale-token", "pscale_", /pscale_(?:tkn|oauth|pw)_[\w.-]{32,64}/, "a PlanetScale credential"),
  token("supabase-key", "sbp_ sb_secret_", /(?:sbp_[a-f0-9]{40}|sb_secret_[\w-]{22,64})/, "a Supabase key"),
];

const models: readonly AnchoredRule[] = [
  token("anthropic-api-key", "sk-ant-", /sk-ant-[a-z]{3,8}\d\d-[\w-]{60,140}/, "an Anthropic API key"),
  token(
    "openai-api-key",
    "sk-proj- sk-svcacct- sk-admin-",
    /sk-(?:proj|svcacct|admin)-[\w-]{40,220}/,
    "an OpenAI API key",
  ),
  token("openai-legacy-api-key", "t3blbkfj", /sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}/, "an OpenAI API key", {
    back: [23],
  }),
  token(
    "deepseek-api-key",
    hex.map((digit) => `sk-${digit}`).join(" "),
    /sk-[a-f0-9]{32}/,
    "an API key of the form sk-",
    {
      accept: hasDigit,
    },
  ),
  token("openrouter-api-key", "sk-or-v1-", /sk-or-v1-[a-f0-9]{64}/, "an OpenRouter API key"),
  token("groq-api-key", "gsk_", /gsk_[A-Za-z0-9]{52}/, "a Groq API key"),
  token("xai-api-key", "xai-", /xai-[A-Za-z0-9]{80}/, "an xAI API key"),
  token("perplexity-api-key", "pplx-", /pplx-[A-Za-z0-9]{48}/, "a Perplexity API key"),
  token("huggingface-token", "hf_ api_org_", /(?:hf_|api_org_)[A-Za-z]{34}/, "a Hugging Face token"),
  token("replicate-token", "r8_", /r8_[A-Za-z0-9]{37}/, "a Replicate token"),
  token("nvidia-api-key", "nvapi-", /nvapi-[\w-]{60,70}/, "an NVIDIA API key"),
  token("charter-key", "charter_", /charter_(?:ai|ex|pr|au|ad)_[0-9a-hjkmnp-tv-z]{8}_[\w-]{43}/, "a Charter key"),
];

const code: readonly AnchoredRule[] = [
  token("github-pat", "ghp_", /ghp_[A-Za-z0-9]{36}/, "a GitHub personal access token"),
  token("github-oauth", "gho_", /gho_[A-Za-z0-9]{36}/, "a GitHub OAuth token"),
  token("github-app-token", "ghu_ ghs_", /gh[us]_[A-Za-z0-9]{36}/, "a GitHub app token"),
  token("github-refresh-token", "ghr_", /ghr_[A-Za-z0-9]{36,76}/, "a GitHub refresh token"),
  token(
    "github-fine-grained-pat",
    "github_pat_",
    /github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}/,
    "a GitHub access token",
  ),
  token("gitlab-pat", "glpat-", /glpat-[\w-]{20}(?:[\w.-]{0,44})/, "a GitLab access token"),
  token(
    "gitlab-token",
    "gldt- glrt- glptt- glcbt- glsoat- glagent- glft- glimt-",
    /gl(?:dt|rt|ptt|cbt|soat|agent|ft|imt)-[\w-]{20,64}/,
    "a GitLab token",
  ),
  token("npm-access-token", "npm_", /npm_[A-Za-z0-9]{36}/, "an npm token"),
  token("pypi-upload-token", "pypi-ageichlwas5vcmc", /pypi-AgEIcHlwaS5vcmc[\w-]{50,1000}/, "a PyPI token", {
    window: 1024,
  }),
  token("rubygems-api-key", "rubygems_", /rubygems_[a-f0-9]{48}/, "a RubyGems key"),
  token("docker-access-token", "dckr_pat_ dckr_oat_", /dckr_[po]at_[\w-]{27,32}/, "a Docker token"),
  token("atlassian-api-token", "atatt3", /ATATT3[\w=-]{150,250}/, "an Atlassian token"),
  token("linear-api-key", "lin_api_", /lin_api_[A-Za-z0-9]{40}/, "a Linear API key"),
  token("postman-api-key", "pmak-", /PMAK-[a-f0-9]{24}-[a-f0-9]{34}/, "a Postman API key"),
];

const services: readonly AnchoredRule[] = [
  token(
    "slack-token",
    "xoxa- xoxb- xoxp- xoxr- xoxs- xoxe- xoxe. xoxo-",
    /xox[abeoprs][.-][A-Za-z0-9.-]{24,220}/,
    "a Slack token",
    {
      accept: hasDigit,
    },
  ),
  token("slack-app-token", "xapp-", /xapp-\d-[A-Z0-9]{8,14}-\d{10,14}-[a-f0-9]{64}/, "a Slack app token"),
  token(
    "slack-webhook-url",
    "hooks.slack.com/services/",
    /hooks\.slack\.com\/services\/(?<found>T[A-Z0-9]{8,12}\/B[A-Z0-9]{8,12}\/[A-Za-z0-9]{20,28})/,
    "a Slack webhook",
    { severity: "HIGH" },
  ),
  token(
    "discord-webhook-url",
    "discord.com/api/webhooks/ discordapp.com/api/webhooks/",
    /discord(?:app)?\.com\/api\/webhooks\/(?<found>\d{17,20}\/[\w-]{60,80})/,
    "a Discord webhook",
    { severity: "HIGH" },
  ),
  token("telegram-bot-token", ":aa", /\d{8,10}:AA[\w-]{33}/, "a Telegram bot token", { back: [10, 9, 8] }),
  token("stripe-access-token", "sk_live_ rk_live_", /[rs]k_live_[A-Za-z0-9]{24,110}/, "a Stripe key"),
  token("stripe-test-token", "sk_test_ rk_test_", /[rs]k_test_[A-Za-z0-9]{24,110}/, "a Stripe test key", {
    severity: "MEDIUM",
  }),
  token("stripe-webhook-secret", "whsec_", /whsec_[A-Za-z0-9+/]{32,64}/, "a webhook signing secret"),
  token("twilio-api-key", hex.map((digit) => `sk${digit}`).join(" "), /SK[a-f0-9]{32}/, "a Twilio API key", {
    accept: hasDigit,
  }),
  token("sendgrid-api-token", "sg.", /SG\.[\w-]{22}\.[\w-]{43}/, "a SendGrid key"),
  token("mailgun-api-key", "key-", /key-[a-f0-9]{32}/, "a Mailgun key", { accept: hasDigit }),
  token("mailchimp-api-key", "-us", /[a-f0-9]{32}-us\d{1,2}/, "a Mailchimp key", { back: [32] }),
  token("shopify-token", "shpat_ shpss_ shpca_ shppa_", /shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}/, "a Shopify token"),
  token(
    "square-access-token",
    "sq0atp- sq0csp- eaaa",
    /(?:sq0(?:atp|csp)-[\w-]{22,43}|EAAA[\w-]{60})/,
    "a Square token",
  ),
  token("databricks-api-token", "dapi", /dapi[a-f0-9]{32}(?:-\d)?/, "a Databricks token", { accept: hasDigit }),
  token("vault-token", "hvs. hvb.", /hv[sb]\.[\w-]{24,220}/, "a HashiCorp Vault token"),
  token("terraform-api-token", ".atlasv1.", /[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}/, "a Terraform token", {
    back: [14],
  }),
  token(
    "doppler-token",
    "dp.pt. dp.st. dp.ct.",
    /dp\.(?:pt|ct|st(?:\.[a-z0-9_-]{2,35})?)\.[A-Za-z0-9]{40,44}/,
    "a Doppler token",
  ),
  token(
    "grafana-token",
    "glsa_ glc_",
    /(?:glsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}|glc_[A-Za-z0-9+/]{32,250}={0,2})/,
    "a Grafana token",
  ),
  token("sentry-token", "sntrys_ sntryu_", /sntry(?:u_[a-f0-9]{64}|s_[\w+/=-]{80,280})/, "a Sentry token"),
  token("new-relic-key", "nrak-", /NRAK-[A-Z0-9]{27}/, "a New Relic key"),
  token("figma-token", "figd_", /figd_[\w-]{40,48}/, "a Figma token"),
  token("notion-token", "ntn_", /ntn_[A-Za-z0-9]{40,50}/, "a Notion token"),
  token("age-secret-key", "age-secret-key-1", /AGE-SECRET-KEY-1[A-Z0-9]{58}/, "an age key"),
];

/** Credentials known by their form. */
export const tokenRules: readonly AnchoredRule[] = [...clouds, ...models, ...code, ...services];
