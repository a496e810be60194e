// The entry point of mail, for that of identity.
export {
  addressChangedLetter,
  changedLetter,
  knownAddressLetter,
  newAddressLetter,
  resetLetter,
  verificationLetter,
} from "./mail-templates.ts";
export type { Mail, Mailer } from "./mailer.ts";
export { Outbox } from "./outbox.ts";
