// Aligned columns of text for people.
import { stripVTControlCharacters } from "node:util";
import { printable } from "./io.ts";

/** Pads every column but the last to its widest cell; columns are two spaces apart. */
export function alignColumns(cells: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const rows = cells.map((row) => row.map(coloured));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, shownWidth(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, right.includes(column)))
      .join("  ")
      .trimEnd(),
  );
}

/** A table with a heading; `right` lists the columns of numbers. */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  return alignColumns([heading.map((cell) => cell.toUpperCase()), ...rows], right);
}

// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const colours = /(\u001b\[[0-9;]{0,16}m)/;

/** A cell whose colours stay, and whose other control characters, which could move the cursor or hide text, become `?`. */
function coloured(cell: string): string {
  return cell
    .split(colours)
    .map((part, i) => (i % 2 === 1 ? part : printable(part)))
    .join("");
}

function pad(cell: string, width: number, right: boolean): string {
  const gap = " ".repeat(Math.max(0, width - shownWidth(cell)));
  return right ? gap + cell : cell + gap;
}

/** Columns on screen, counting one per code point: colours take none. */
function shownWidth(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}
