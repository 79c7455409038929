// What a page shows is in the address, after the '#': bookmarks, links and the back button work, from file:// too.

export function read() {
  const text = location.hash.slice(1);
  const query = text.includes("?") ? text.slice(text.indexOf("?") + 1) : text.includes("=") ? text : "";
  return new URLSearchParams(query);
}

export function write(params, page, replace = false) {
  const query = params.toString();
  // The one-file site has all pages in one document; their names stand before the '?'.
  const hash = page ? `#${page}${query ? `?${query}` : ""}` : query ? `#${query}` : "#";
  if (location.hash === hash || (hash === "#" && !location.hash)) return;
  history[replace ? "replaceState" : "pushState"](null, "", hash);
}

export function onChange(listener) {
  window.addEventListener("popstate", listener);
  window.addEventListener("hashchange", listener);
}
