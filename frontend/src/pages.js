import { showCurrent } from "./tabs.js";

// The one-file site: every page is a section, and the name before the '?' in the address says which one is shown.

export function pages() {
  const sections = [...document.querySelectorAll("[data-section]")];
  const show = () => {
    const name = location.hash.slice(1).split("?")[0];
    const current = sections.find((one) => one.dataset.section === name) || sections[0];
    sections.forEach((one) => (one.hidden = one !== current));
    document.querySelectorAll("nav a").forEach((link) => {
      if (link.hash === `#${current.dataset.section}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    showCurrent();
  };
  window.addEventListener("hashchange", show);
  window.addEventListener("popstate", show);
  show();
}
