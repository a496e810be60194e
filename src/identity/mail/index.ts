// The door of mail, for the door of identity.
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
