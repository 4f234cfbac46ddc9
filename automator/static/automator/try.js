"use strict";

SwaggerUIBundle({
  domNode: document.getElementById("document"),
  url: document.getElementById("document").dataset.url,
  deepLinking: true,
  validatorUrl: null,
});
