import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame, readFrame } from "./frame.ts";
import { frameEntry } from "./tiles.ts";

const frame = {
  first: 12,
  entries: ["one", "two", "three"].map((text) => frameEntry(Buffer.from(text))),
  note: "note\n",
};
const bytes = encodeFrame(frame);

describe("journal frames", () => {
  it("are read back as they were written, one after another", () => {
    const segment = Buffer.concat([bytes, bytes]);
    expect(readFrame(segment, 0)).toEqual({ state: "frame", frame, end: bytes.length });
    expect(readFrame(segment, bytes.length)).toEqual({ state: "frame", frame, end: segment.length });
    expect(readFrame(segment, segment.length)).toEqual({ state: "end" });
  });

  it("read as torn at every length short of the whole", () => {
    for (let length = 1; length < bytes.length; length++) {
      expect(readFrame(bytes.subarray(0, length), 0).state, String(length)).toBe("torn");
    }
  });

  it("read as torn when a lost write left zeros to the end of the file, wherever it stopped", () => {
    for (let written = 0; written < bytes.length - 4; written++) {
      for (const more of [0, 1, 600]) {
        const segment = Buffer.alloc(2 * bytes.length + more);
        segment.set(bytes);
        segment.set(bytes.subarray(0, written), bytes.length);
        expect(readFrame(segment, bytes.length).state, `${written} ${more}`).toBe("torn");
      }
    }
  });

  it("read as damaged when a frame or anything but zeros follows the zeros", () => {
    const hole = Buffer.from(bytes).fill(0, 28, bytes.length - 6);
    expect(readFrame(hole, 0).state).toBe("damaged");
    for (const zeroed of [Buffer.alloc(bytes.length), Buffer.from(bytes).fill(0, 28)]) {
      expect(readFrame(Buffer.concat([zeroed, bytes]), 0).state).toBe("damaged");
    }
  });

  it("read as damaged, never as torn, when any bit has flipped", () => {
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const damaged = Buffer.from(bytes);
        damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
        expect(readFrame(damaged, 0).state).toBe("damaged");
      }),
    );
  });
});
