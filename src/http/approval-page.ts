// The one page that people see of the authorization server: who wants to act in their name, and the form that says yes or no.
// It runs no script and loads nothing, so that nothing can be slipped into it; every text that comes from outside is escaped.
import { createHash } from "node:crypto";
import type { Preview } from "../identity/index.ts";

/** A page with the headers that protect it. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

const style = `
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1b1f24}
main{max-width:26rem;margin:8vh auto;padding:2rem;background:#fff;border:1px solid #d0d7de;border-radius:8px}
h1{font-size:1.25rem;margin:0 0 1rem}label{display:block;margin:.75rem 0 .25rem}
input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #6e7781;border-radius:6px}
button{font:inherit;padding:.5rem 1rem;margin:1.25rem .5rem 0 0;border:1px solid #1b1f24;border-radius:6px;background:#fff;color:#1b1f24}
button.yes{background:#1f5f3a;border-color:#1f5f3a;color:#fff}
:focus-visible{outline:3px solid #0969da;outline-offset:2px}
.wrong{padding:.5rem .75rem;border-left:4px solid #a40e26;background:#fff0f0}
`;

/** The hash by which the policy lets the style through, and no other. */
const styleHash = `'sha256-${createHash("sha256").update(style).digest("base64")}'`;

/** The form that asks for approval; `fields` are the parameters of the request, `wrong` says what went wrong before. */
export function approvalPage(
  preview: Extract<Preview, { kind: "page" }>,
  fields: URLSearchParams,
  username: string,
  wrong?: string,
): Page {
  const target = new URL(preview.redirectUri);
  const product = preview.product === null ? "" : `, in the product ${preview.product}`;
  const hidden = [...fields].map(([name, value]) => `<input type="hidden" name="${esc(name)}" value="${esc(value)}">`);
  const body = `<h1>${esc(preview.clientName)} asks to act in your name</h1>
${wrong === undefined ? "" : `<p class="wrong" role="alert" id="wrong">${esc(wrong)}</p>`}
<p>If you sign in, <strong>${esc(preview.clientName)}</strong> will be able to use this Charter as you for up to 30 days:
with what you may do, and at most the role <strong>${esc(preview.role)}</strong>${esc(product)}.</p>
<p>Afterwards you will be sent to <strong>${esc(target.host)}</strong>. Go on only if you came from there.</p>
<form method="post" action="/api/v1/auth/authorize">
${hidden.join("\n")}
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" maxlength="1024" autocapitalize="none" spellcheck="false" value="${esc(username)}"${wrong === undefined ? " autofocus" : ' aria-describedby="wrong"'}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024">
<button class="yes" name="decision" value="approve">Sign in and allow</button>
<button name="decision" value="deny">Do not allow</button>
</form>`;
  // Browsers hold the redirect that answers a form to `form-action` as well, so the application's origin is part of it.
  return { html: documentOf("Sign in", body), headers: headersOf(`'self' ${target.origin}`) };
}

/** What people see when a request cannot be answered and the application must not be told. */
export function refusalPage(title: string, detail: string): Page {
  const body = `<h1>${esc(title)}</h1>\n<p>${esc(detail)}</p>\n<p>Go back to the application and try again. If this persists, tell its operator.</p>`;
  return { html: documentOf(title, body), headers: headersOf("'none'") };
}

function documentOf(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${esc(title)} - Charter</title>
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

function headersOf(formAction: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    `style-src ${styleHash}`,
    `form-action ${formAction}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy.join("; "),
    "x-frame-options": "DENY",
    // The request's parameters stand in the address, and are no one else's business.
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
  };
}

/** Text as HTML shows it. */
function esc(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
