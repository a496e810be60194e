// A scrub reads every stored blob again and compares it with its name. It reports; it repairs nothing.
import type { ArtifactId } from "../kernel/ids.ts";
import { Fault } from "../kernel/fault.ts";
import type { Blobs, StoredBlob } from "./blobs/blobs.ts";
import type { ArtifactStore } from "./store/store.ts";

/** One line of a scrub's report: progress, or the end. */
export type ScrubStep =
  | { readonly checked: number; readonly total: number; readonly bytes: number }
  | { readonly done: true; readonly checked: number; readonly bytes: number; readonly bad: readonly BadBlob[] };

/** An artifact whose bytes are not what its record says. */
export interface BadBlob {
  readonly artifact_id: ArtifactId;
  readonly product_id: string;
  readonly reason: string;
}

/** Most artifacts between two lines of progress. */
const stepSize = 200;
/** Most bytes between two lines of progress: a connection on which nothing moves for half a minute is cut off. */
const stepBytes = 256 * 1024 * 1024;
/** Most bad artifacts listed; a medium that is worse than this needs no list. */
const maxBad = 10_000;

/** Scrubs everything, in the order of artifact ids. */
export async function* scrubOf(parts: {
  store: ArtifactStore;
  blobs: Blobs;
  signal: AbortSignal;
}): AsyncGenerator<ScrubStep, void> {
  const { store, blobs, signal } = parts;
  const total = (await store.totals()).artifacts;
  const bad: BadBlob[] = [];
  let checked = 0;
  let bytes = 0;
  let after: ArtifactId | null = null;
  for (;;) {
    signal.throwIfAborted();
    const page = await store.eachBlob(after, stepSize);
    let reported = bytes;
    for (const { artifactId, product, blob } of page) {
      const reason = await flawIn(blobs, product, blob);
      if (reason !== undefined && bad.length < maxBad) {
        bad.push({ artifact_id: artifactId, product_id: product, reason });
      }
      checked += 1;
      bytes += blob.sizeBytes;
      after = artifactId;
      if (bytes - reported < stepBytes) continue;
      reported = bytes;
      signal.throwIfAborted();
      yield { checked, total: Math.max(total, checked), bytes };
    }
    if (page.length < stepSize) break;
    yield { checked, total: Math.max(total, checked), bytes };
  }
  yield { done: true, checked, bytes, bad };
}

/** What is wrong with a blob. A medium that cannot read one may still read the others, so that is an answer too. */
async function flawIn(blobs: Blobs, product: string, blob: StoredBlob): Promise<string | undefined> {
  try {
    const { ok, reason } = await blobs.check(product, blob);
    return ok ? undefined : (reason ?? "corrupt");
  } catch (error) {
    if (error instanceof Fault && error.code === "content.storage_failed") return "unreadable";
    throw error;
  }
}
