// Where the tabs have no room side by side they scroll: the current one is brought into sight, and into it only.

export function showCurrent() {
  const list = document.querySelector("nav ul"), current = list.querySelector("[aria-current]");
  if (!current) return;
  const [own, all] = [current.getBoundingClientRect(), list.getBoundingClientRect()];
  list.scrollLeft += own.left + own.width / 2 - (all.left + all.width / 2);
}
