// Listings of a server, read to their end.
import { pathOf } from "./client.ts";
import type { Client } from "./client.ts";
import { fieldList, fieldText } from "./record.ts";

/** Every row of a listing, page by page; the next page is asked for when the rows before it have been taken. */
export async function* everyRow(client: Client, path: string, field: string): AsyncGenerator {
  let cursor: string | undefined;
  do {
    const page = await client.json("GET", pathOf(path, { limit: "1000", cursor }));
    yield* fieldList(page, field);
    cursor = fieldText(page, "next");
  } while (cursor !== undefined);
}
