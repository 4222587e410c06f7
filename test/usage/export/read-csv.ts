/** Rows of a CSV (RFC 4180), its head among them, by a reader of its own. */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const match = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;
    match.lastIndex = at;
    const found = match.exec(text)!;
    row.push(found[1]?.replaceAll('""', '"') ?? found[2]!);
    at = match.lastIndex;
    if (text[at] === ',') {
      at++;
      continue;
    }
    if (!text.startsWith('\r\n', at)) throw new Error(`no end of a line at ${at}`);
    at += 2;
    rows.push(row);
    row = [];
  }
  return rows;
}
