"""Four people who use the shop while it is migrated, and the journal of what they were told is done.

Each speaks the schema that it found served last, and learns of another one as an application would: by an error, after
which it tries again. What is written down as acknowledged must be found in the end, on both sides; what was deleted
must be found nowhere.
"""

import random
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, Event, Thread
from typing import Any

import psycopg

from tests.integration.artwork_pipeline.journal import COLUMNS, OLD, Journal

TRY_AGAIN = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.QueryCanceled,
    psycopg.errors.SerializationFailure,
)
OTHER_SCHEMA = (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable)
PATIENCE_SECONDS = 30
BETWEEN_WRITES_SECONDS = 0.02
"""At most, for each: they leave the machine to the migration, which they mean to meet in the middle of every step."""

_INSERT = (
    """INSERT INTO artworks (original_image_url, customer_name, customer_email, pet_name, original_pet_mom_url,
       original_pet_url, access_token, created_at) VALUES ('pending', %(customer)s, %(email)s, %(pet)s, %(mom)s,
       'https://img.example.org/pet.jpg', %(token)s, %(at)s) RETURNING id""",
    """INSERT INTO artworks (customer_name, customer_email, pet_name, pet_mom_image_url, pet_image_url, access_token,
       token_expires_at, created_at) VALUES (%(customer)s, %(email)s, %(pet)s, %(mom)s,
       'https://img.example.org/pet.jpg', %(token)s, '2040-01-01', %(at)s) RETURNING id""",
)
_ORDER = """
    INSERT INTO orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, customer_name,
                        order_status)
    VALUES (%s, %s, 'digital', 1900, 'payer@example.net', 'Payer', 'paid')
"""


class Writer(ABC):
    """One person with a connection; `speaks` is the schema that the last answer fitted."""

    def __init__(self, url: str, seed: object, journal: Journal) -> None:
        self.journal = journal
        self.chance = random.Random(f"{seed} {type(self).__name__}")
        self.speaks = OLD
        self.done = 0
        self.connects_anew = False
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    @abstractmethod
    def write(self) -> None:
        """One write, acknowledged or not."""

    def say(self, statements: Sequence[str], parameters: Any, unsure: Callable[[], None]) -> list[Any]:
        """Have one of the statements, that of the schema spoken, done; `unsure` is called if the answer was lost.

        Gives the rows that came back, none if nobody knows.
        """
        for _ in range(200):
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(self._url, autocommit=True)
                    self._connection.execute("SET statement_timeout = '5s'")
                return self._connection.execute(statements[self.speaks], parameters).fetchall()
            except TRY_AGAIN:
                self.journal.tried_again += 1
            except OTHER_SCHEMA:
                self.speaks = 1 - self.speaks
            except psycopg.errors.FeatureNotSupported as changed:
                if "cached plan" not in str(changed):
                    raise
                self.leave()
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self.leave()
                unsure()
                return []
        raise AssertionError(f"refused 200 times: {statements[self.speaks]}")

    def leave(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Inserter(Writer):
    """Somebody who uploads."""

    def write(self) -> None:
        number = f"{self.done}-{uuid.UUID(int=self.chance.getrandbits(128))}"
        told = {
            "customer": f"Customer {self.done}",
            "pet": self.chance.choice([None, "", "Rex", "Señor \U0001f408"]),
            "mom": f"https://img.example.org/mom/{number}.jpg",
            "token": f"token-{number}",
        }
        more = {
            "email": f" Customer{self.done % 5}@Example.NET",
            "at": f"2025-{self.chance.randrange(1, 11):02}-15 12:00:00+00",
        }
        # If the answer is lost, so is the id: the row may be there, and nothing is claimed of it.
        for (row,) in self.say(_INSERT, told | more, lambda: None):
            for name, value in told.items():
                self.journal.values[row, name] = {value}
            self.journal.values[row, "paid picture"] = {None}
            self.journal.inserted.add(row)


class Updater(Writer):
    """Somebody who changes what is there; the only one, so that the last acknowledged value is the one to find."""

    def __init__(self, url: str, seed: object, journal: Journal, rows: Sequence[uuid.UUID]) -> None:
        super().__init__(url, seed, journal)
        self._rows = list(rows)

    def write(self) -> None:
        row = self.chance.choice(self._rows + list(self.journal.inserted))
        name = self.chance.choice(list(COLUMNS))
        value = f"{name} {self.done} {self.chance.getrandbits(64):x}"
        statements = [
            f"UPDATE artworks SET {column} = %s WHERE id = %s RETURNING id" for column in COLUMNS[name]
        ]
        key = row, name

        def unsure() -> None:
            if key in self.journal.values:
                self.journal.values[key].add(value)

        if self.say(statements, [value, row], unsure):
            self.journal.values[key] = {value}
        elif row in self.journal.inserted - self.journal.may_be_deleted and self._connection is not None:
            self.journal.wrong.append(f"{row} was acknowledged and is not there to be changed")


class Deleter(Writer):
    """Somebody who deletes: rows of the beginning, and what has just been uploaded."""

    def __init__(self, url: str, seed: object, journal: Journal, rows: Sequence[uuid.UUID]) -> None:
        super().__init__(url, seed, journal)
        self._rows = list(rows)
        self.chance.shuffle(self._rows)

    def write(self) -> None:
        row = self._rows.pop() if self._rows and self.done % 2 else self._an_upload()
        if row is None:
            return
        self.journal.may_be_deleted.add(row)
        if self.say(["DELETE FROM artworks WHERE id = %s RETURNING id"] * 2, [row], lambda: None):
            self.journal.deleted.add(row)

    def _an_upload(self) -> uuid.UUID | None:
        left = sorted(self.journal.inserted.copy() - self.journal.may_be_deleted)
        return self.chance.choice(left) if len(left) > 3 else None


class Payer(Writer):
    """Somebody who orders artworks that are there, also such as are set aside."""

    def __init__(self, url: str, seed: object, journal: Journal, rows: Sequence[uuid.UUID]) -> None:
        super().__init__(url, seed, journal)
        self._rows = list(rows)

    def write(self) -> None:
        row = self.chance.choice(self._rows + list(self.journal.inserted.copy()))
        name = f"cs_{self.done}_{self.chance.getrandbits(64):x}"
        try:
            answered = self.say([f"{_ORDER} RETURNING id"] * 2, [row, name], lambda: None)
        except psycopg.errors.ForeignKeyViolation:
            if row in self.journal.inserted - self.journal.may_be_deleted:
                self.journal.wrong.append(f"{row} was acknowledged and cannot be ordered")
            return
        if answered:
            self.journal.orders[name] = row


class Writers:
    """The four at work, until the block ends."""

    def __init__(self, people: Sequence[Writer]) -> None:
        self._people = people
        self._changed = Condition()
        self._stopped = Event()
        self._failures: list[BaseException] = []

    def have_written(self, times: int = 2) -> None:
        """Wait until each of them has had this many more answers."""
        with self._changed:
            wanted = [one.done + times for one in self._people]
            assert self._changed.wait_for(
                lambda: (
                    self._failures
                    or all(one.done >= least for one, least in zip(self._people, wanted, strict=True))
                ),
                PATIENCE_SECONDS,
            ), [type(one).__name__ for one in self._people]
            if self._failures:
                raise self._failures[0]

    def are_deployed_anew(self) -> None:
        """Have each of them hang up and come again: what a session has counted is told when it ends."""
        for one in self._people:
            one.connects_anew = True
        self.have_written()

    def _work(self, one: Writer) -> None:
        try:
            while not self._stopped.wait(BETWEEN_WRITES_SECONDS):
                if one.connects_anew:
                    one.leave()
                    one.connects_anew = False
                one.write()
                with self._changed:
                    one.done += 1
                    one.journal.acknowledged += 1
                    self._changed.notify_all()
        except BaseException as failed:
            with self._changed:
                self._failures.append(failed)
                self._changed.notify_all()
        finally:
            one.leave()

    @contextmanager
    def at_work(self) -> Iterator["Writers"]:
        """The four, each in a thread of its own."""
        threads = [Thread(target=self._work, args=[one], daemon=True) for one in self._people]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join(PATIENCE_SECONDS)
        if self._failures:
            raise self._failures[0]
        hanging = [
            type(one).__name__ for one, thread in zip(self._people, threads, strict=True) if thread.is_alive()
        ]
        assert not hanging, f"{', '.join(hanging)} did not end in {PATIENCE_SECONDS} s"


@contextmanager
def four_writers(url: str, seed: object) -> Iterator[tuple[Writers, Journal]]:
    """The four, on the shop at this address; the rows of the beginning are shared out among them."""
    journal = Journal()
    with psycopg.connect(url, autocommit=True) as connection:
        rows = [row for (row,) in connection.execute("SELECT id FROM artworks ORDER BY id")]
    random.Random(str(seed)).shuffle(rows)
    third = len(rows) // 3
    people = [
        Inserter(url, seed, journal),
        Updater(url, seed, journal, rows[third:]),
        Deleter(url, seed, journal, rows[:third]),
        Payer(url, seed, journal, rows),
    ]
    with Writers(people).at_work() as writers:
        yield writers, journal
