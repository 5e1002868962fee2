"""A process that reindexes what is stale by the current definitions: `reindex_program.py URL BATCH`.

It waits for a line on standard input before each batch, and prints the number of resources after it.
"""

import sys

from fhir_server.store.database import open_database
from tests.contracts.reindex_world import batches, current, reindexing, stale_types


def main(url: str, batch: str) -> None:
    """Reindex batch by batch."""
    database = open_database(url, timeout_ms=60_000)
    types = stale_types(database, current())
    print("ready", flush=True)
    for done in batches(reindexing(database, batch=int(batch)), types):
        print(done.resources, flush=True)
        sys.stdin.readline()
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
