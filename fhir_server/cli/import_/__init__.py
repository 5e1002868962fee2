"""The import: files of resources or Bundles, in large units of work, through the one write path.

May import everything below `cli`. Entry point: `command.import_`.
"""

from fhir_server.cli.import_.command import import_

__all__ = ["import_"]
