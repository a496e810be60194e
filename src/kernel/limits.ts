// Every fixed limit of the program, named, with its reason. Limits an operator may change live in the
// configuration or in the constitution; these are the ones that protect the program itself.

/** Largest ledger leaf in bytes: the length prefix of a C2SP entry bundle is a uint16. */
export const maxLeafBytes = 65_535;

/** Deepest nesting of JSON accepted anywhere; deeper input only serves to exhaust stacks. */
export const maxJsonDepth = 32;

/** Deepest nesting of a call of a model: schemas of tools are deep, each object of theirs by two, and no provider counts as we do. */
export const maxCallDepth = 128;

/** Most values in one JSON document accepted anywhere; bounds the work that one request can make, and the memory. */
export const maxJsonNodes = 250_000;

/**
 * Most lists and records in one JSON document accepted anywhere. They are what work is done for one by one: messages, parts,
 * tools, parts of schemas. A session of 5 000 messages with 500 tools has some 30 000.
 */
export const maxJsonContainers = 50_000;

/** Most keys of one record; OpenAI takes 5 000 properties in a schema. Records of many more are slow in every engine. */
export const maxJsonKeys = 10_000;

/** Longest key, bytes; what is longer is not a name. */
export const maxJsonKeyBytes = 16 * 1024;

/** Longest number, digits; a double has at most 767 that count. */
export const maxJsonNumberBytes = 1024;

/** Most values in a call for embeddings: OpenAI takes 300 000 tokens as numbers, and these cost little each. */
export const maxEmbeddingNodes = 305_000;

/** Most fields at the top of a call of a model; the APIs know some fifty, and each one is looked at by name. */
export const maxCallParameters = 256;

/** Most messages, or items of input, of a call of a model; the longest sessions of agents have a few thousand. */
export const maxCallMessages = 10_000;

/** Most tools that a call of a model offers; the largest collections have some hundred. */
export const maxCallTools = 2000;

/** Most texts, or lists of tokens, that one call embeds; OpenAI takes 2 048. */
export const maxCallInputs = 8192;

/** Deepest nesting of a model's reply; the arguments of a tool may stand in it as JSON. */
export const maxReplyDepth = 64;

/**
 * Most values in a model's reply: 2 048 vectors of 1 536 numbers have three million, and the 20 likeliest words for each of
 * 32 000 tokens, with their bytes, five and a half.
 */
export const maxReplyNodes = 6_000_000;

/**
 * Most lists and records in a model's reply: the 20 likeliest words for each of 32 000 tokens, with their bytes, have 43 for
 * each token. The longest reply in bytes is met before that by most.
 */
export const maxReplyContainers = 1_400_000;

/** Most lists and records in a model's reply apart from the probabilities of its tokens: these are read one by one, in one go. */
export const maxReplyParts = 250_000;

/** Most values in one event of a stream. */
export const maxEventValues = 20_000;

/** Most values in the parameters of one call of a model apart from its content and tools; each is looked up by its name. */
export const maxParameterValues = 10_000;

/** Largest JSON envelope in bytes; larger content is streamed instead of parsed. */
export const maxJsonBodyBytes = 4 * 1024 * 1024;

/** Largest blob that goes into a shared pack segment; a larger one gets its own file. */
export const maxPackedBlobBytes = 1024 * 1024;

/** Largest pack segment in bytes; small enough to copy and scrub in seconds. */
export const maxSegmentBytes = 1024 * 1024 * 1024;

/** Most rows in one page of a listing. */
export const maxPageSize = 1000;

/** Characters after which a page of a listing ends early; rows can be as long as the metadata of an artifact. */
export const maxPageChars = 2 * 1024 * 1024;

/** Rows in a page when the caller does not say. */
export const defaultPageSize = 100;

/** Most leaves in one group commit; bounds the time the first waiter waits for the last. */
export const maxCommitLeaves = 2048;

/** When to come back after the storage was full, seconds: about as long as operators need to notice. */
export const storageRetrySeconds = 60;

/** How often open calls are judged again by what has passed with time, milliseconds: a quarter of the second that is promised. */
export const reviewMs = 250;

/** How often the database is asked what open calls rest on, milliseconds; other processes may have changed it. */
export const askAgainMs = 1_000;

/**
 * How long the end of something waits for acts that rest on it and have taken effect to be on record, milliseconds. An act whose
 * transaction hangs must not keep anybody from revoking its credential.
 */
export const quietMs = 2_000;

/** How long an act whose call was stopped may take to clean up before its caller is answered, milliseconds. */
export const stopGraceMs = 400;

/** Longest arguments of a tool that are read as an object, characters: in one go, and no model writes more in one reply. */
export const maxArgumentsChars = 512 * 1024;

/** Most parts, words and parameters of one call that Charter does not know: each is looked for by its place. Agents send a few hundred. */
export const maxUnknownParts = 4000;

/**
 * Most choices of a provider's reply, and most items of the content of one: they are read in one go. No provider gives more
 * than 128 choices, and one of 10 000 items is broken up.
 */
export const maxReplyItems = 10_000;
