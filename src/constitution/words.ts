// What callers may say of data, for those who check words and need no policy engine.
export { dataClasses } from "./data.ts";
