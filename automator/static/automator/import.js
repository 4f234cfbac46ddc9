"use strict";

// An import that is being applied goes on by itself, as its button would.
document.querySelector("form[data-goes-on]")?.submit();

// While a book is on its way, the page says so.
document.querySelector("form[data-upload]")?.addEventListener("submit", (event) => {
  event.target.querySelector("[data-busy]").hidden = false;
});
