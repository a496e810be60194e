// The entry point of the HTTP API.
export { cursorsUnder } from "./cursor.ts";
export { operations } from "./operations.ts";
export type { Operation, OperationName } from "./operations.ts";
export { errorCodes } from "./codes.ts";
export type { ErrorCode } from "./codes.ts";
export { statusOf } from "./codes.ts";
export { drainServer } from "./plugins/drain.ts";
export { openTls } from "./tls.ts";
export { buildServer, describeApi } from "./server.ts";
export type { HttpLimits, Services } from "./services.ts";
