"""The WSGI application for servers that look for it at the root of a checkout."""

from fhir_server.wsgi import application

__all__ = ["application"]
