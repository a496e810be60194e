import { expect, it } from "vitest";
import { Client } from "pg";
import { freshPostgres } from "./postgres.ts";
import { describeWith } from "./requires.ts";

describeWith(["postgres"], "the throwaway PostgreSQL", () => {
  it("gives each suite an empty database, durable as in production, and drops it again", async () => {
    const fresh = await freshPostgres();
    const client = new Client({ connectionString: fresh.url });
    // Dropping the database ends this connection from the other side.
    client.on("error", () => {});
    await client.connect();
    const { rows } = await client.query(
      "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commits, (select count(*)::int from pg_tables where schemaname = 'public') as tables",
    );
    expect(rows).toEqual([{ fsync: "on", commits: "on", tables: 0 }]);
    await fresh[Symbol.asyncDispose]();
    await expect(new Client({ connectionString: fresh.url }).connect()).rejects.toThrow(/does not exist/);
    await client.end().catch(() => {});
  });
});
