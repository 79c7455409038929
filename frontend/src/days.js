// Days are UTC days, counted from 1970-01-01, so that no time zone moves one.

const DAY = 86400000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export const parse = (text) => {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text || "");
  if (!found) return null;
  const day = Date.UTC(+found[1], +found[2] - 1, +found[3]) / DAY;
  return iso(day) === text ? day : null;
};
const at = (day) => new Date(day * DAY);
export const iso = (day) => at(day).toISOString().slice(0, 10);
export const monthOf = (day) => { const d = at(day); return Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), 1) / DAY; };
export const weekOf = (day) => day - ((at(day).getUTCDay() + 6) % 7);
export const addMonths = (day, count) => {
  const d = at(day);
  return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + count, 1) / DAY;
};
export const isMonthStart = (day) => at(day).getUTCDate() === 1;

export function long(day) {
  const d = at(day);
  return `${WEEKDAYS[d.getUTCDay()]} ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
}
export function short(day, grain) {
  const d = at(day);
  if (grain === "month") return `${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`;
}
export function spanText(start, end) {
  if (isMonthStart(start) && end === addMonths(start, 1)) return short(start, "month");
  const year = (day) => at(day).getUTCFullYear();
  if (end - start === 1) return `${short(start)} ${year(start)}`;
  const left = year(start) === year(end - 1) ? short(start) : `${short(start)} ${year(start)}`;
  return `${left} – ${short(end - 1)} ${year(end - 1)}`;
}

export function bucketOf(day, grain) {
  return grain === "month" ? monthOf(day) : grain === "week" ? weekOf(day) : day;
}

// As farthing/periods.py: relative ones end before today. The cube's own days bound what is offered.
export function preset(name, today) {
  const month = monthOf(today);
  if (name === "mtd") return month === today ? [addMonths(month, -1), month] : [month, today];
  if (name === "last-month") return [addMonths(month, -1), month];
  if (name === "ytd") return [Date.UTC(at(today).getUTCFullYear(), 0, 1) / DAY, today];
  if (name === "yesterday") return [today - 1, today];
  const found = /^(\d{1,4})([dm])$/.exec(name || "");
  if (!found || !+found[1]) return null;
  return found[2] === "d" ? [today - +found[1], today] : [addMonths(month, -found[1]), month];
}

// As farthing/query/compare.py: as many whole months before whole months, else as many days.
export function previous(start, end) {
  if (isMonthStart(start) && isMonthStart(end)) {
    const a = at(start), b = at(end);
    const months = (b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth();
    return [addMonths(start, -months), start];
  }
  return [start - (end - start), start];
}
