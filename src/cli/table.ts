// Aligned columns of text for people.
import { stripVTControlCharacters } from "node:util";

/** Pads every column but the last to its widest cell; columns are two spaces apart. */
export function alignColumns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
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

function pad(cell: string, width: number, right: boolean): string {
  const gap = " ".repeat(Math.max(0, width - shownWidth(cell)));
  return right ? gap + cell : cell + gap;
}

/** Columns on screen, counting one per code point: colours take none. */
function shownWidth(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}
