import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { maxUnpackedBytes, unpacked } from "./unpacking.ts";
import { collected, UpstreamFault } from "./upstream.ts";
import type { UpstreamAnswer } from "./upstream.ts";

const text = JSON.stringify({ words: "sea and sky ".repeat(200) });

/** An answer whose body comes in pieces of some length; `cancelled` tells whether it was given up. */
function answerOf(body: Buffer, size = body.length): UpstreamAnswer & { isCancelled: boolean } {
  async function* pieces(): AsyncGenerator<Buffer, void> {
    try {
      for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
    } finally {
      answer.isCancelled = true;
    }
  }
  const answer = {
    status: 200,
    headers: {},
    body: pieces(),
    isCancelled: false,
    collect: (maxBytes: number) => collected(answer.body, maxBytes),
    cancel: () => void (answer.isCancelled = true),
  };
  return answer;
}

async function read(body: Buffer, encoding: string, size?: number): Promise<string> {
  return (await unpacked(answerOf(body, size), encoding).collect(1_000_000)).toString();
}

const packings: readonly (readonly [encoding: string, pack: (bytes: Buffer) => Buffer])[] = [
  ["gzip", (bytes) => gzipSync(bytes)],
  ["X-GZIP", (bytes) => gzipSync(bytes)],
  ["deflate", (bytes) => deflateSync(bytes)],
  ["br", (bytes) => brotliCompressSync(bytes)],
  ["zstd", (bytes) => zstdCompressSync(bytes)],
];

describe("an answer that is compressed unasked", () => {
  it.each(packings)("is unpacked, wherever it is cut: %s", async (encoding, pack) => {
    const packed = pack(Buffer.from(text));
    for (const size of [1, 7, packed.length]) expect(await read(packed, encoding, size), String(size)).toBe(text);
  });

  it("is unpacked where deflate lacks the head that it should have", async () => {
    expect(await read(deflateRawSync(Buffer.from(text)), "deflate")).toBe(text);
  });

  it("is unpacked from the outermost encoding to the innermost", async () => {
    expect(await read(brotliCompressSync(gzipSync(text)), "gzip, br")).toBe(text);
  });

  it.each(packings)("passes as it is where only its head says so: %s", async (encoding) => {
    expect(await read(Buffer.from(text), encoding)).toBe(text);
    expect(await read(Buffer.from("data: 1\n\n"), encoding)).toBe("data: 1\n\n");
  });

  it("passes as it is where the encoding is none", async () => {
    const plain = answerOf(Buffer.from(text));
    expect(unpacked(plain, "identity")).toBe(plain);
    expect(unpacked(plain, "utf-8")).toBe(plain);
  });

  it("without a body has none", async () => {
    for (const [encoding] of packings) expect(await read(Buffer.alloc(0), encoding)).toBe("");
  });

  it("is whole where only its trailer is missing", async () => {
    expect(await read(gzipSync(text).subarray(0, -8), "gzip")).toBe(text);
  });

  it("hands out what can be unpacked before the rest has come", async () => {
    const packed = gzipSync(text);
    const never = new Promise<never>(() => {});
    async function* stalls(): AsyncGenerator<Buffer, void> {
      yield packed.subarray(0, packed.length - 4);
      await never;
    }
    const answer = { ...answerOf(packed), body: stalls() };
    const first = await unpacked(answer, "gzip").body[Symbol.asyncIterator]().next();
    expect(text.startsWith(String(first.value))).toBe(true);
  });

  it("that is damaged, or packed in an unknown way, is garbled", async () => {
    const damaged = Buffer.concat([gzipSync(text).subarray(0, 10), Buffer.alloc(50, 0x07)]);
    for (const [body, encoding] of [
      [damaged, "gzip"],
      [Buffer.from(text), "compress"],
      [Buffer.from(text), "gzip, gzip, gzip, gzip"],
    ] as const) {
      const fault = await read(body, encoding).catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(UpstreamFault);
      expect(fault).toMatchObject({ code: "upstream.garbled", hasAnswered: true });
    }
  });

  it("that is a bomb is stopped at the reader's limit, or at the limit of all bodies", async () => {
    const bomb = zstdCompressSync(Buffer.alloc(maxUnpackedBytes + 1));
    const answer = answerOf(bomb, 64 * 1024);
    await expect(unpacked(answer, "zstd").collect(1_000_000)).rejects.toMatchObject({ facts: { limit: "maxBytes" } });
    expect(answer.isCancelled).toBe(true);
    let size = 0;
    const whole = (async () => {
      for await (const piece of unpacked(answerOf(bomb), "zstd").body) size += piece.length;
    })();
    await expect(whole).rejects.toMatchObject({ code: "upstream.garbled" });
    expect(size).toBeLessThanOrEqual(maxUnpackedBytes);
  });

  it("hands on what breaks the connection", async () => {
    const broken = new UpstreamFault("upstream.failed", "gone", { retryable: true, reachedUpstream: true });
    async function* breaks(): AsyncGenerator<Buffer, void> {
      yield gzipSync(text).subarray(0, 20);
      await Promise.resolve();
      throw broken;
    }
    const answer = { ...answerOf(Buffer.alloc(0)), body: breaks() };
    await expect(unpacked(answer, "gzip").collect(1000)).rejects.toBe(broken);
  });
});
