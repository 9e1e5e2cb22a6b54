// Tables in the manner of kubectl: columns aligned by the widest cell, three spaces between them, no lines.

/** The header is left out where there are no rows: an empty answer is no answer. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => Array.from(row[column] ?? "").length)),
  );
  return [header, ...rows].map((row) => `${renderRow(row, widths)}\n`).join("");
}

function renderRow(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => (column === row.length - 1 ? cell : padCell(cell, widths[column] ?? 0)))
    .join("   ")
    .trimEnd();
}

function padCell(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - Array.from(cell).length));
}

/** `3s`, `4m`, `2h`, `5d`: how old a thing is. */
export function renderAge(sinceIso: string, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(sinceIso)) / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `812 B`, `34.1 kB`, `1.2 MB`: thousands, as disks are sold. */
export function renderBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Unknown stays unknown: `-`, never `$0`. */
export function renderCost(costUsd: number | null): string {
  if (costUsd === null) return "-";
  if (costUsd === 0) return "$0";
  return costUsd < 0.01 ? `$${costUsd.toFixed(4)}` : `$${costUsd.toFixed(2)}`;
}
