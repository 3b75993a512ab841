"""The OpenAPI document: what every route takes and answers, also what no route states itself."""
