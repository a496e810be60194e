// The way of a test's requests when the suite runs through the proxy that holds it to openapi.json (`npm run test:openapi`):
// to the gateway, which names the Charter meant in a header. Without CHARTER_TEST_PRISM they go to Charter itself.
import { gatewayHeaders } from "./prism-gateway.ts";

/** Where a request is sent, and what is added to it. */
export interface Way {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The way to the Charter at a URL. */
export function wayTo(url: string): Way {
  const gateway = process.env["CHARTER_TEST_PRISM"];
  return gateway === undefined ? { url, headers: {} } : { url: gateway, headers: { [gatewayHeaders.upstream]: url } };
}

/** @throws Error when the proxy found that the document and the server differ. */
export function expectConform(header: (name: string) => string | string[] | null | undefined): void {
  const found = header(gatewayHeaders.difference);
  if (typeof found === "string") throw new Error(`not as openapi.json says: ${decodeURIComponent(found)}`);
}
