// A process that tries passwords as fast as it is answered, from one address, until it has tried so many. Prints one line
// of JSON at the end.
import { Pool } from "undici";

/** What the process is asked for, as its one argument in JSON. */
export interface GuessLoad {
  readonly url: string;
  readonly attempts: number;
  readonly connections: number;
  /** Address that the guesser comes from; loopback has many. */
  readonly localAddress: string;
}

/** What it answers. */
export interface GuessResult {
  readonly seconds: number;
  readonly statuses: Readonly<Record<string, number>>;
}

async function load({ url, attempts, connections, localAddress }: GuessLoad): Promise<GuessResult> {
  const pool = new Pool(url, { connections, pipelining: 1, connect: { localAddress } });
  const statuses: Record<string, number> = {};
  let left = attempts;
  const begin = performance.now();
  const guesser = async (): Promise<void> => {
    while (left-- > 0) {
      const { statusCode, body } = await pool.request({
        method: "POST",
        path: "/api/v1/auth/login",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ username: `guessed${left % 1000}`, password: `guess ${left}` }),
      });
      await body.dump();
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, guesser));
  await pool.close();
  return { seconds: (performance.now() - begin) / 1000, statuses };
}

console.log(JSON.stringify(await load(JSON.parse(process.argv[2] ?? "{}") as GuessLoad)));
