"use strict";

// Submit the form that continues an import, as its button would.
document.querySelector("form[data-goes-on]")?.submit();

// Show a notice while a book is being uploaded.
document.querySelector("form[data-upload]")?.addEventListener("submit", (event) => {
  event.target.querySelector("[data-notice]").hidden = false;
});
