// Elements by hand: names come from bills, so nothing here ever reads markup.

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "color") element.style.setProperty("--swatch", value);
    else if (name in element && name !== "list" && name !== "form") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function json(id) {
  const block = document.getElementById(id);
  return block ? JSON.parse(block.textContent) : null;
}

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function download(name, blobOrUrl) {
  const url = typeof blobOrUrl === "string" ? blobOrUrl : URL.createObjectURL(blobOrUrl);
  const link = h("a", { href: url, download: name });
  link.click();
  if (url !== blobOrUrl) setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// Tells screen readers what a click changed elsewhere on the page.
export function announce(text) {
  const region = document.getElementById("announcer");
  if (region) region.textContent = text;
}
