// The validator's badge would be fetched from elsewhere; hence null.
SwaggerUIBundle({ url: "openapi.yaml", dom_id: "#docs", deepLinking: true, validatorUrl: null, tryItOutEnabled: true });
