// What callers may say of the choice of a model, for those who check words and choose none.
export { strategies } from "./strategy.ts";
