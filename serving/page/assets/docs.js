"use strict";
// The documentation of the API. A key that is entered under "Authorize" stays in this page's memory.

const isDark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.classList.toggle("dark-mode", isDark.matches);
isDark.onchange = theme;
theme();
SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null, defaultModelsExpandDepth: 0, persistAuthorization: false });
