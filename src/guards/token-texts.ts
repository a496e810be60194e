// The probabilities of a reply's tokens say its words a second time, token by token: where words are taken out, these go too.

type Fields = Readonly<Record<string, unknown>>;

/** The text of a choice that stands in its probabilities alone. */
interface TokenText {
  readonly choice: object;
  readonly text: string;
}

/** The words that the probabilities of each choice of a reply say, but for those that its message says itself. */
export function tokenTexts(body: object): readonly TokenText[] {
  return choicesOf(body).flatMap((choice) => {
    const { message: said, logprobs: told } = fieldsOf(choice);
    if (told === undefined || told === null) return [];
    const [message, logprobs] = [fieldsOf(said), fieldsOf(told)];
    return ["content", "refusal"].flatMap((name) => {
      const text = listOf(logprobs[name])
        .map((each) => fieldsOf(each)["token"])
        .filter((token) => typeof token === "string")
        .join("");
      return text === "" || text === message[name] ? [] : [{ choice: choice as object, text }];
    });
  });
}

/** A body without the probabilities of some of its choices; itself when there are none. */
export function withoutProbabilities(body: object, dropped: ReadonlySet<object>): object {
  if (dropped.size === 0) return body;
  const choices = choicesOf(body).map((choice) =>
    dropped.has(choice as object) ? { ...(choice as object), logprobs: null } : choice,
  );
  return { ...body, choices };
}

function choicesOf(body: object): readonly unknown[] {
  return listOf((body as Fields)["choices"]);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
