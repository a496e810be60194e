// Questions in the memory of this process, compared one by one. 2 000 vectors of 1 536 numbers take about 6 ms, during
// which the process does nothing else: that is why there are no more of them, and one more reason to opt in with care.
import type { Log } from "../kernel/ctx.ts";
import type { Partition } from "./address.ts";
import type { CanonicalCall } from "./canonical-call.ts";
import { cosine, numbersIn, unitVector } from "./semantic-index.ts";
import type { Embed, SemanticFinding, SemanticIndex, SemanticQuestion } from "./semantic-index.ts";

/** Most questions that one partition is compared with. */
const defaultMaxPerPartition = 2000;

/** Most bytes of all questions together: the vectors of four full partitions at 1 536 numbers each. */
const defaultMaxBytes = 48 * 1024 * 1024;

/** Bytes that a question costs on top of its vector: two digests, the numbers of its text, the objects. */
const questionOverheadBytes = 768;

/** Longest text that is embedded, characters; one answer rarely suits two texts as long as that. */
const maxTextLength = 8192;

interface Question {
  /** What must be equal: type, constitution, frame and the numbers in the text. */
  readonly sort: string;
  readonly vector: Float32Array;
  readonly canonical: CanonicalCall;
  readonly bytes: number;
}

/** What the index is opened with; the defaults are the limits named above. */
export interface MemorySemanticIndexParts {
  /** Least cosine that counts as the same question: above 0, at most 1. */
  readonly threshold: number;
  readonly log: Log;
  readonly maxPerPartition?: number;
  readonly maxBytes?: number;
}

/** The driver for one process. */
export class MemorySemanticIndex implements SemanticIndex {
  readonly #parts: MemorySemanticIndexParts;
  readonly #maxPerPartition: number;
  readonly #maxBytes: number;
  /** By partition, the one used longest ago first; in each the questions by their calls, likewise. */
  readonly #partitions = new Map<Partition, Map<CanonicalCall, Question>>();
  #questions = 0;
  #bytes = 0;

  /** @throws RangeError when the threshold would match anything. */
  constructor(parts: MemorySemanticIndexParts) {
    if (!(parts.threshold > 0 && parts.threshold <= 1)) throw new RangeError("the threshold is above 0 and at most 1");
    this.#parts = parts;
    this.#maxPerPartition = parts.maxPerPartition ?? defaultMaxPerPartition;
    this.#maxBytes = parts.maxBytes ?? defaultMaxBytes;
  }

  get size(): SemanticIndex["size"] {
    return { questions: this.#questions, bytes: this.#bytes };
  }

  async find({ parts, frame, text }: SemanticQuestion, embed: Embed): Promise<SemanticFinding> {
    const { partition, type, constitutionHash } = parts;
    const vector = await this.#vectorOf(text, embed);
    if (vector === undefined) return { match: undefined, remember: () => {} };
    const sort = JSON.stringify([type, constitutionHash, frame, numbersIn(text)]);
    const bytes = vector.byteLength + 2 * sort.length + questionOverheadBytes;
    return {
      match: this.#nearest(partition, sort, vector),
      remember: (canonical) => this.#remember(partition, { sort, vector, canonical, bytes }),
    };
  }

  clear(partition: Partition): void {
    for (const question of this.#partitions.get(partition)?.values() ?? []) this.#forget(partition, question);
  }

  async #vectorOf(text: string, embed: Embed): Promise<Float32Array | undefined> {
    if (text.length > maxTextLength || text.trim() === "") return undefined;
    try {
      return unitVector(await embed(text));
    } catch (error) {
      this.#parts.log.warn(
        { err: error },
        "A question could not be embedded: it is answered without the semantic cache",
      );
      return undefined;
    }
  }

  #nearest(partition: Partition, sort: string, vector: Float32Array): SemanticFinding["match"] {
    const questions = this.#partitions.get(partition);
    let best: Question | undefined;
    let similarity = this.#parts.threshold;
    for (const question of questions?.values() ?? []) {
      if (question.sort !== sort) continue;
      const near = cosine(question.vector, vector);
      if (near < similarity) continue;
      best = question;
      similarity = near;
    }
    if (best === undefined || questions === undefined) return undefined;
    this.#touch(partition, questions, best);
    return { canonical: best.canonical, similarity };
  }

  #remember(partition: Partition, question: Question): void {
    const old = this.#partitions.get(partition)?.get(question.canonical);
    if (old !== undefined) this.#forget(partition, old);
    if (question.bytes > this.#maxBytes) return;
    const questions = this.#partitions.get(partition) ?? new Map<CanonicalCall, Question>();
    this.#touch(partition, questions, question);
    this.#questions++;
    this.#bytes += question.bytes;
    if (questions.size > this.#maxPerPartition) this.#forgetOldest(partition, questions);
    while (this.#bytes > this.#maxBytes) {
      // At the cost of the partition with the most, so that one product's questions do not push out another's.
      const [most] = [...this.#partitions].sort(([, one], [, other]) => other.size - one.size);
      if (most === undefined) return;
      this.#forgetOldest(...most);
    }
  }

  /** Makes a question and its partition the youngest. */
  #touch(partition: Partition, questions: Map<CanonicalCall, Question>, question: Question): void {
    questions.delete(question.canonical);
    questions.set(question.canonical, question);
    this.#partitions.delete(partition);
    this.#partitions.set(partition, questions);
  }

  #forgetOldest(partition: Partition, questions: Map<CanonicalCall, Question>): void {
    const [oldest] = questions.values();
    if (oldest !== undefined) this.#forget(partition, oldest);
  }

  #forget(partition: Partition, question: Question): void {
    const questions = this.#partitions.get(partition);
    if (questions?.delete(question.canonical) !== true) return;
    this.#questions--;
    this.#bytes -= question.bytes;
    if (questions.size === 0) this.#partitions.delete(partition);
  }
}
