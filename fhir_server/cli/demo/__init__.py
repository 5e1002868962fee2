"""The demo: a server, a small synthetic network on it, and one Direct Referral Light walked over HTTP.

It is a client of the server like any other: nothing here imports the core. Entry point: `command.demo`.
"""

from fhir_server.cli.demo.command import demo

__all__ = ["demo"]
