/**
 * Lines of left-aligned columns, two spaces apart, without trailing spaces.
 * `paintCell` may colour a cell after it was padded.
 */
export function tableLines(
  rows: readonly (readonly string[])[],
  paintCell: (text: string, row: number, column: number) => string = text => text,
): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row, rowIndex) => {
    const last = row.length - 1;
    return row
      .map((cell, column) => {
        const gap = column === last ? '' : ' '.repeat(widths[column]! - cell.length);
        return paintCell(cell, rowIndex, column) + gap;
      })
      .join('  ')
      .trimEnd();
  });
}
