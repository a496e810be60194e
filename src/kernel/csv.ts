// Tables for spreadsheets (RFC 4180).
//
// A cell that a spreadsheet would take for a formula begins with an apostrophe: names in a table may be anybody's, and a
// formula runs on the computer of the person who opens it. So does what would be a cell where semicolons, tabs or line breaks are
// taken for the ends of cells, quoted or not, as spreadsheets do in countries that write decimals with a comma.

/** A table as text: a heading and its rows, each ended by CR LF; null is an empty cell. */
export function csvOf(heading: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  return [heading, ...rows].map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");
}

/** What spreadsheets take for the beginning of a formula, and what may stand before it unseen. */
const formula = /(?<=^|[;\t\r\n])(?=[\s"\p{Cc}\p{Cf}]*[=+\-@|%\uff0b\uff0d\uff1d\uff20])/gu;

function cellOf(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = value.replaceAll(formula, "'");
  return /[",\r\n\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
