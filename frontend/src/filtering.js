// Filters in the address: is.COLUMN=value and not.COLUMN=value, in the order in which they were chosen.

export function filtersOf(params) {
  const found = [];
  for (const [key, value] of params) {
    const dot = key.indexOf("."), kind = key.slice(0, dot), column = key.slice(dot + 1);
    if ((kind === "is" || kind === "not") && column) found.push({ column, value, exclude: kind === "not" });
  }
  return found;
}

export function putFilters(params, filters) {
  [...params.keys()].filter((one) => /^(is|not)\./.test(one)).forEach((one) => params.delete(one));
  filters.forEach((one) => params.append(`${one.exclude ? "not" : "is"}.${one.column}`, one.value));
}

// As --where spells them; an empty value is what has no name.
export function whereOf(filters) {
  const quoted = (text) => `'${text.replace(/'/g, `'"'"'`)}'`;
  return filters.map((one) => {
    const keyed = /^(Tags|x_CostCategories)\/(.*)$/.exec(one.column);
    const key = keyed ? `${keyed[1] === "Tags" ? "tag" : "category"}:${keyed[2]}=` : `${one.column}:`;
    if (one.value === "") return quoted(`${one.exclude ? "" : "-"}${key}*`);
    return quoted(`${one.exclude ? "-" : ""}${key}${one.value}`);
  });
}

// The next column to look into after these: services, then accounts, then whatever else there is.
export function nextColumn(columns, filters, current) {
  const fixed = new Set(filters.filter((one) => !one.exclude).map((one) => one.column));
  const found = ["ServiceName", "SubAccountId", ...columns].find((one) => one !== current && !fixed.has(one) && columns.includes(one));
  return found || current;
}
