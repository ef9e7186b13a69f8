"""The HTTP API: JSON over Starlette, one route table, RFC 9457 problems, OpenAPI and a documentation page."""
