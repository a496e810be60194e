import { describe, expect, it } from "vitest";
import { eventText, frameOf, heard, numbered } from "./response-events.ts";

const imprint = { id: "resp_1", store: true };

describe("an event of a stream that is kept", () => {
  it.each(["{}", '{"delta":"x"}', '{"type":{"a":1}}', '{"type":null}', "[]", "1", "{"])(
    "is none without a word for what it is: %s",
    async (data) => {
      expect(await heard(data, imprint)).toBeUndefined();
    },
  );

  it("is numbered anew, with its type first, and stays one frame", async () => {
    const said = await heard('{"sequence_number":9,"delta":"a","type":"x\\nevent: y"}', imprint);
    const text = numbered(await eventText(said!.event), 3);
    expect(JSON.parse(text)).toEqual({ type: "x\nevent: y", delta: "a", sequence_number: 3 });
    expect(frameOf(text).toString()).toBe(`data: ${text}\n\n`);
  });
});
