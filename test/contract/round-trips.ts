// What a dialect that is spoken on both sides promises: what one side says the other reads back as it was meant.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FrontDialect, ModelCall, Reply, UpstreamDialect } from "../../src/models/conversation.ts";
import { cut, gathered, piecesOf } from "../support/gateway/reply-pieces.ts";

/** A dialect, calls and replies that it has words for, and a call that its replies answer. */
export interface SpokenDialect {
  readonly front: FrontDialect;
  readonly upstream: UpstreamDialect;
  readonly call: fc.Arbitrary<ModelCall>;
  readonly reply: fc.Arbitrary<Reply>;
  readonly asked: ModelCall;
}

const shown = { createdMs: 0, id: "made" };

/** Runs the suite on one dialect. */
export function roundTrips(name: string, { front, upstream, call, reply, asked }: SpokenDialect): void {
  describe(name, () => {
    it("say a call so that it reads back the same", () => {
      fc.assert(
        fc.property(call, (said) => {
          const { body } = upstream.writeCall(said, { model: "m", defaultMaxOutputTokens: 1 });
          const json = JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
          const { dialect: _dialect, raw: _raw, ...read } = front.readCall(json);
          const { dialect: _its, raw: _own, ...meant } = said;
          expect(read).toEqual(meant);
        }),
      );
    });

    it("say a reply so that it reads back the same", () => {
      fc.assert(
        fc.property(reply, (said) => {
          const body: unknown = JSON.parse(JSON.stringify(front.writeReply(asked, said, shown)));
          expect(upstream.readReply(body)).toEqual(said);
        }),
      );
    });

    it("say a streamed reply so that it reads back like a whole one", () => {
      fc.assert(
        fc.property(reply, fc.integer({ min: 1, max: 5 }), (said, size) => {
          const writer = front.streamWriter(asked, shown);
          const frames = cut(said, size)
            .map((piece) => writer.write(piece))
            .join("");
          const { id, model, choices, rawUsage } = said;
          const read = gathered(piecesOf(upstream, frames));
          expect(read).toEqual({ id, model, ...choices[0], usage: rawUsage, ended: true });
        }),
      );
    });
  });
}
