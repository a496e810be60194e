// Tables for spreadsheets (RFC 4180).
//
// A cell that a spreadsheet would take for a formula begins with an apostrophe: names in a table may be anybody's, and a
// formula runs on the computer of the person who opens it.

/** A table as text: a heading and its rows, each ended by CR LF; null is an empty cell. */
export function csvOf(heading: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  return [heading, ...rows].map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");
}

/** What spreadsheets take for the beginning of a formula. */
const formula = /^[\s]*[=+\-@|%\uff0b\uff0d\uff1d\uff20]/;

function cellOf(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = formula.test(value) ? `'${value}` : value;
  return /[",\r\n\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
