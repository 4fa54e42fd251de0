// Swagger UI on this server's own document. The page names the auth header of the demo site, if that site is there.
const { auth } = document.documentElement.dataset;
const ui = SwaggerUIBundle({
  dom_id: "#reference",
  url: "openapi.json",
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  onComplete: () => {
    if (auth) ui.preauthorizeApiKey("PartnerAuth", auth);
  },
});
