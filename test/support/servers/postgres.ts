// A database of its own for each suite, on the server that `npm test` started.
import { randomBytes } from "node:crypto";
import { Client } from "pg";

/** An empty database. */
export interface FreshPostgres extends AsyncDisposable {
  readonly url: string;
}

/** Creates an empty database `charter_<random>`; disposing drops it with whatever is still connected. */
export async function freshPostgres(): Promise<FreshPostgres> {
  const server = process.env["CHARTER_TEST_POSTGRES_URL"];
  if (server === undefined) throw new Error('CHARTER_TEST_POSTGRES_URL is not set; ask requirement("postgres") first');
  const name = `charter_${randomBytes(8).toString("hex")}`;
  await onServer(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => onServer(server, `drop database if exists ${name} with (force)`),
  };
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 30_000, statement_timeout: 60_000 });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
