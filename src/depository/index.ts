// The entry point of the depository.
export type { Artifact } from "./artifact.ts";
export { bodyOf } from "./body.ts";
export type { BlobCheck, Blobs, ByteRange, PutBlob, StoredBlob } from "./blobs/blobs.ts";
export { contentFault } from "./blobs/errors.ts";
export type { Depository, Stored } from "./depository.ts";
export type { Content, CreateOptions, Draft } from "./draft.ts";
export { depositoryFault } from "./errors.ts";
export type { ArtifactProof, ProductState, ArtifactReader } from "./artifact-reader.ts";
export type { ScrubStep } from "./scrub.ts";
export { depositoryMigrations } from "./store/migrations.ts";
export { openArtifactStore } from "./store/sql.ts";
export type { ArtifactCursor, ArtifactQuery, ArtifactStore } from "./store/store.ts";
