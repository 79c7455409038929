// CSV as farthing writes it: a name that a spreadsheet would run as a formula gets an apostrophe.

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
const harmless = (text) => (/^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text);

// `names`: how many columns, from the left, hold names; the others are figures.
export function csvOf(rows, names) {
  const lines = rows.map((row) => row.map((cell, place) => quoted(place < names ? harmless(cell) : cell)).join(","));
  return new Blob([`${lines.join("\n")}\n`], { type: "text/csv" });
}
