// The entry point of kept responses.
export { Responses } from "./responses.ts";
