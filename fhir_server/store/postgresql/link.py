"""One connection to PostgreSQL: statements prepared once, results as tuples, several statements in one round trip.

https://www.postgresql.org/docs/current/libpq-pipeline-mode.html  Uses psycopg's wrapper of libpq
below its cursors, which cost more than the statements do. The rule: whoever waits for the server does so without the
interpreter's lock.
"""

import select
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq.abc import PGresult

from fhir_server.errors import BadRequest, Unavailable
from fhir_server.store.postgresql.errors import ConnectionLost, of_result
from fhir_server.store.postgresql.values import Value, encoded
from fhir_server.store.statements import Sql

_GOOD = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK}
_MOST_PREPARED = 300
_LIMIT = "SELECT set_config('statement_timeout', $1, false)"

# A plan is kept for as long as the connection, also one made while the tables were still empty: it must use indexes.
_SETTINGS = """
SET statement_timeout = {timeout};
SET idle_in_transaction_session_timeout = {idle};
SET client_encoding = 'UTF8';
SET client_min_messages = error;
SET jit = off;
SET synchronous_commit = on;
SET enable_seqscan = off;
"""
READER_SETTINGS = """
SET default_transaction_read_only = on;
"""
WRITER_SETTINGS = """
SET plan_cache_mode = force_generic_plan;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
"""

Step = tuple[str, Sequence[Value]]
"""A statement with $1, $2 and its encoded values."""


class PostgresqlLink:
    """A connection of one thread; raises ConnectionLost, and what `errors` makes of failures."""

    __slots__ = ("_connection", "_count", "_loaders", "_pgconn", "_poll", "_prepared", "_timeout_ms", "in_use")

    def __init__(self, url: str, *, timeout_ms: int, settings: str) -> None:
        parameters = {"connect_timeout": 10, "application_name": "fhir-server", **conninfo_to_dict(url)}
        try:
            self._connection = psycopg.connect(make_conninfo("", **parameters), autocommit=True)
            self._connection.execute(
                (_SETTINGS + settings).format(timeout=timeout_ms, idle=3 * timeout_ms).encode(), prepare=False
            )
        except psycopg.OperationalError as error:
            raise Unavailable("the database cannot be reached") from error
        self._pgconn = self._connection.pgconn
        self._pgconn.nonblocking = 1
        self._poll = select.poll()
        self._poll.register(self._pgconn.socket, select.POLLIN)
        self._count = 0
        self._timeout_ms = timeout_ms
        self._prepared: dict[str, bytes] = {}
        self._loaders: dict[str, Any] = {}
        self.in_use = False

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        values = {**sql.defaults, **parameters} if sql.defaults else parameters
        try:
            given = [encoded(values[name]) for name in sql.names]
        except UnicodeEncodeError as error:
            raise BadRequest("a value holds half of a character, which no text can") from error
        if within_seconds is not None:
            return self.loaded(sql.text, self._run_within(within_seconds, sql.text, given))
        return self.loaded(sql.text, self.run(sql.text, given))

    def run(self, text: str, values: Sequence[Value] = ()) -> PGresult:
        """One statement in a round trip of its own."""
        try:
            name = self._prepared.get(text) or self._prepare(text)
            result = self._pgconn.exec_prepared(
                name,
                [v for v, _ in values],  # type: ignore[misc]  # None is NULL, whatever the annotation says
                [f for _, f in values],
                pq.Format.BINARY,
            )
        except psycopg.OperationalError as error:
            raise ConnectionLost from error
        return _checked(result)

    def _run_within(self, seconds: float, text: str, values: Sequence[Value]) -> PGresult:
        """One statement under a limit of its own, in one round trip; if it fails, the limit is undone with it."""
        for each in (_LIMIT, text):
            if each not in self._prepared:
                self._prepare(each)
        limit = encoded(str(max(1, int(seconds * 1000))))
        return self.run_all([(_LIMIT, [limit]), (text, values), (_LIMIT, [encoded(str(self._timeout_ms))])])[1]

    def command(self, text: str) -> None:
        """A statement that is worth no preparation."""
        try:
            _checked(self._pgconn.exec_(text.encode()))
        except psycopg.OperationalError as error:
            raise ConnectionLost from error

    def run_all(self, steps: Iterable[Step]) -> list[PGresult]:
        """Statements in one round trip; the first that fails keeps the rest from running, and is raised.

        A step is made while the server runs the one before it.
        """
        fresh: list[str] = []
        try:
            sent = self._send_all(steps, fresh)
            results = self._receive()
        except psycopg.OperationalError as error:
            raise ConnectionLost from error
        for place, result in enumerate(results):
            if result.status not in _GOOD:
                for text in fresh:
                    del self._prepared[text]
                raise of_result(result, is_last=place == len(sent) - 1)
        if len(results) < len(sent):
            raise ConnectionLost
        return [result for result, is_answer in zip(results, sent, strict=True) if is_answer]

    def _send_all(self, steps: Iterable[Step], fresh: list[str]) -> list[bool]:
        """For each message sent, whether its result answers a step; what it prepares goes to `fresh`, too.

        libpq keeps small messages, so that they travel together, and sends what grows beyond 64 kB at once.
        """
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        sent: list[bool] = []
        for text, values in steps:
            name = self._prepared.get(text)
            if name is None:
                name = self._named(text)
                fresh.append(text)
                pgconn.send_prepare(name, text.encode())
                sent.append(False)
            pgconn.send_query_prepared(name, [v for v, _ in values], [f for _, f in values], pq.Format.BINARY)
            sent.append(True)
        pgconn.pipeline_sync()
        self._send()
        return sent

    def _send(self) -> None:
        while self._pgconn.flush():
            self._poll.modify(self._pgconn.socket, select.POLLIN | select.POLLOUT)
            for _, event in self._poll.poll():
                if event & ~select.POLLOUT:
                    self._pgconn.consume_input()
            self._poll.modify(self._pgconn.socket, select.POLLIN)

    def _receive(self) -> list[PGresult]:
        """The results up to the end of the pipeline, fewer if the session ended before."""
        pgconn = self._pgconn
        results: list[PGresult] = []
        while True:
            while pgconn.is_busy():
                self._poll.poll()
                # A server that ends the session says why before it closes; libpq gives that as a last result.
                with suppress(psycopg.OperationalError):
                    pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                if pgconn.status == pq.ConnStatus.BAD:
                    return results
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                pgconn.exit_pipeline_mode()
                return results
            else:
                results.append(result)

    def _named(self, text: str) -> bytes:
        self._count += 1
        name = self._prepared[text] = b"s%d" % self._count
        return name

    def _prepare(self, text: str) -> bytes:
        while len(self._prepared) >= _MOST_PREPARED:
            oldest = next(iter(self._prepared))
            self._loaders.pop(oldest, None)
            _checked(self._pgconn.exec_(b"DEALLOCATE " + self._prepared.pop(oldest)))
        name = self._named(text)
        try:
            _checked(self._pgconn.prepare(name, text.encode()))
        except BaseException:
            del self._prepared[text]
            raise
        return name

    def loaded(self, text: str, result: PGresult) -> list[tuple[Any, ...]]:
        """The rows of a result of the statement."""
        loader = self._loaders.get(text)
        if loader is None:
            loader = self._loaders[text] = Transformer(self._connection)
            loader.set_loader_types([result.ftype(n) for n in range(result.nfields)], pq.Format.BINARY)
        loader.set_pgresult(result, set_loaders=False)
        return loader.load_rows(0, result.ntuples, tuple)

    def is_stale(self) -> bool:
        """Whether the server has ended the session: it says something though nothing was asked."""
        return bool(self._poll.poll(0)) or self._pgconn.status == pq.ConnStatus.BAD

    def roll_back(self) -> bool:
        """End the transaction, if there is one; False when the connection is of no use any more."""
        pgconn = self._pgconn
        if pgconn.pipeline_status != pq.PipelineStatus.OFF:
            return False
        status = pgconn.transaction_status
        if status in {pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR}:
            try:
                self.run("ROLLBACK")
            except Exception:  # noqa: BLE001 (whatever it was, the connection goes)
                return False
        return pgconn.transaction_status == pq.TransactionStatus.IDLE

    def close(self) -> None:
        """End the session."""
        self._connection.close()


def _checked(result: PGresult) -> PGresult:
    if result.status not in _GOOD:
        raise of_result(result)
    return result
