// The link to the content moves the focus only: the address holds the page's state, and '#main' would end it.

export function skip() {
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
}
