// What providers bill: tokens by direction, medium and purpose, tools by the call, and a few other measures. A unit that
// has every dimension of another one and more is a part of it: tokens read from a cache are a part of the input tokens.
//
// The names are those of the price data in @pydantic/genai-prices (prices/units.yml there), which does not export its
// table; a test prices every model that the golden set names with both.

/** One thing that is billed. */
export interface Unit {
  /** How counts of it are called: `cache_read_tokens`. */
  readonly name: string;
  /** How its price is called in a price table: `cache_read_mtok`, in dollars for `per` of it. */
  readonly priceName: string;
  readonly per: number;
  readonly family: string;
  /** Everything that tells it from other units, family included. */
  readonly dimensions: ReadonlyMap<string, string>;
}

type Dimensions = Readonly<Record<string, string>>;

function unit(name: string, priceName: string, per: number, family: string, dimensions: Dimensions = {}): Unit {
  return { name, priceName, per, family, dimensions: new Map(Object.entries({ ...dimensions, family })) };
}

/** Tokens of one medium, or of any when none is named. */
function tokenUnits(medium: "" | "text" | "audio" | "image" | "video"): Unit[] {
  const infix = medium === "" ? "" : `${medium}_`;
  const own: Dimensions = medium === "" ? {} : { medium };
  const token = (stem: string, dimensions: Dimensions): Unit =>
    unit(`${stem}_tokens`, `${stem}_mtok`, 1e6, "tokens", { ...own, ...dimensions });
  const plain = (direction: string): Unit => {
    const stem = medium === "" ? direction : `${direction}_${medium}`;
    return token(stem, { direction });
  };
  const input = (stem: string, dimensions: Dimensions): Unit => token(stem, { direction: "input", ...dimensions });
  const output = (kind: string): Unit => token(`output_${infix}${kind}`, { direction: "output", kind });
  return [
    plain("input"),
    plain("output"),
    input(`input_${infix}tool`, { kind: "tool" }),
    input(`cache_${infix}read`, { kind: "cache_read" }),
    input(`cache_${infix}write`, { kind: "cache_write" }),
    input(`cache_${infix}write_5m`, { kind: "cache_write", ttl: "5m" }),
    input(`cache_${infix}write_1h`, { kind: "cache_write", ttl: "1h" }),
    output("reasoning"),
    output("citation"),
  ];
}

/** Calls of a tool that the provider runs. */
function toolUnit(tool: string, plural: string): Unit {
  return unit(plural, `${plural}_kcount`, 1e3, "tool_calls", { tool });
}

/** Every unit that can be priced. */
export const units: readonly Unit[] = [
  ...(["", "text", "audio", "image", "video"] as const).flatMap(tokenUnits),
  toolUnit("web_search", "web_searches"),
  toolUnit("social_search", "social_searches"),
  toolUnit("storage_search", "storage_searches"),
  toolUnit("code_execution", "code_executions"),
  unit("requests", "requests_kcount", 1e3, "requests"),
  unit("rerank_searches", "rerank_searches_kcount", 1e3, "rerank"),
  unit("audio_seconds", "audio_hours", 3600, "durations", { medium: "audio" }),
  unit("input_audio_seconds", "input_audio_hours", 3600, "durations", { medium: "audio", direction: "input" }),
  unit("output_audio_seconds", "output_audio_hours", 3600, "durations", { medium: "audio", direction: "output" }),
  unit("input_characters", "input_mchars", 1e6, "characters", { direction: "input" }),
  unit("input_pixels", "input_gpixels", 1e9, "pixels", { direction: "input" }),
  unit("input_document_pages", "input_document_kpages", 1e3, "document_pages", { direction: "input" }),
  unit("input_annotated_document_pages", "input_annotated_document_kpages", 1e3, "document_pages", {
    direction: "input",
    page: "annotated",
  }),
  unit("input_text_messages", "input_text_messages_kcount", 1e3, "messages", { direction: "input", medium: "text" }),
];

/** Units by the name of their price. */
export const unitsByPriceName: ReadonlyMap<string, Unit> = new Map(units.map((each) => [each.priceName, each]));

/** Units by the name of their count. */
export const unitsByName: ReadonlyMap<string, Unit> = new Map(units.map((each) => [each.name, each]));

const byDimensions: ReadonlyMap<string, Unit> = new Map(units.map((each) => [dimensionKey(each.dimensions), each]));

function dimensionKey(dimensions: ReadonlyMap<string, string>): string {
  return JSON.stringify([...dimensions].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** Whether every `part` is also a `whole`, and not the same unit. */
export function isPartOf(part: Unit, whole: Unit): boolean {
  if (part.dimensions.size <= whole.dimensions.size) return false;
  return [...whole.dimensions].every(([name, value]) => part.dimensions.get(name) === value);
}

/** The unit of what two units have in common, where neither is a part of the other: cached tokens that are audio. */
export function overlapOf(left: Unit, right: Unit): Unit | undefined {
  if (left === right || isPartOf(left, right) || isPartOf(right, left)) return undefined;
  for (const [name, value] of left.dimensions) {
    const other = right.dimensions.get(name);
    if (other !== undefined && other !== value) return undefined;
  }
  return byDimensions.get(dimensionKey(new Map([...left.dimensions, ...right.dimensions])));
}
