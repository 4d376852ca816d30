"""Random operations on either side, against a model: nothing is lost, nothing changes that nobody changed."""

import uuid
from typing import Any

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import sql
from psycopg.rows import dict_row

from artwork_pipeline.artworks.months import SLICES
from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import phase, routing
from local_stack.sources import artworks
from tests.integration.artwork_pipeline import journey
from tests.integration.artwork_pipeline import shop as stages

OLD, CLEAN, ROUTED = "old", "clean", "routed"
# What one change may touch on the other side, and on its own: the column's counterparts, and what follows from it.
FOLLOWS = {
    OLD: {
        "pet_name": {"pet_name"},
        "customer_name": {"customer_name"},
        "customer_email": {"customer_email", "user_id"},
        "original_pet_url": {"pet_image_url"},
        "generated_image_url": {"generated_image_url", "generation_status"},
        "upscaled_image_url": {"upscaled_image_url", "upscale_status"},
        "generation_status": {"generation_status"},
        "upscale_status": {"upscale_status"},
        "mockup_urls": {"mockup_urls"},
        "access_token": {"access_token"},
        "token_expires_at": {"token_expires_at"},
    },
    CLEAN: {
        "pet_name": {"pet_name"},
        "customer_name": {"customer_name"},
        "customer_email": {"customer_email", "user_id"},
        "pet_image_url": {"original_pet_url"},
        # An old word that a picture would judge otherwise is made a plain one.
        "generated_image_url": {"generated_image_url", "generation_status"},
        "upscaled_image_url": {"upscaled_image_url", "upscale_status"},
        "generation_status": {"generation_status"},
        "upscale_status": {"upscale_status", "upscaled_at"},
        "mockup_urls": {"mockup_urls"},
        "access_token": {"access_token"},
        "token_expires_at": {"token_expires_at"},
        "fal_request_id": set(),
        "generation_params": set(),
        "generation_started_at": set(),
    },
}
ALWAYS = {"updated_at", "legacy"}
# What the clean table's own trigger adds there: the time when a status changes, the user of another address.
STAMPED = {
    "customer_email": {"user_id"},
    "generation_status": {"generation_started_at", "generation_completed_at"},
    "upscale_status": {"upscale_started_at", "upscale_completed_at"},
}

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
names = texts.filter(lambda text: bool(text.strip()))
urls = st.one_of(
    st.none(), st.just(""), st.just("pending"), st.integers(0, 9).map("https://img.example.org/{}".format)
)
emails = st.sampled_from(
    ["ada@example.net", " Ada@Example.NET\u00a0", "bob@example.org", "\uff42ob@example.org"]
)
moments = st.sampled_from(
    ["2025-01-31 23:59:59+00", "2025-02-01 00:00:00+00", "2099-01-01 00:00:00+00", "1999-01-01 00:00:00+00"]
)
documents = st.one_of(st.none(), st.sampled_from(["null", "[]", '{"a": 1.00}', '[{"url": "x"}]']))
VALUES = {
    "pet_name": st.one_of(st.none(), texts),
    "customer_name": names,
    "customer_email": emails,
    "original_pet_url": urls,
    "pet_image_url": st.integers(0, 9).map("https://img.example.org/pet/{}".format),
    "generated_image_url": urls,
    "upscaled_image_url": urls,
    "mockup_urls": documents,
    "access_token": st.uuids().map(lambda one: one.hex),
    "token_expires_at": moments,
    "fal_request_id": st.one_of(st.none(), texts),
    "generation_params": documents,
    "generation_started_at": st.one_of(st.none(), moments),
    "generation_status": {OLD: st.sampled_from(["pending", "completed", "failed", None]),
                          CLEAN: st.sampled_from(["pending", "processing", "completed", "failed"])},
    "upscale_status": {OLD: st.sampled_from(["pending", "processing", "completed", "failed", "not_required", None]),
                       CLEAN: st.sampled_from(["not_started", "pending", "processing", "completed", "failed"])},
}  # fmt: skip


def changes(side: str) -> st.SearchStrategy[tuple[str, Any]]:
    """A column of this side and a value for it."""

    def of(column: str) -> st.SearchStrategy[tuple[str, Any]]:
        values: Any = VALUES[column]
        return st.tuples(st.just(column), values[side] if isinstance(values, dict) else values)

    return st.sampled_from(sorted(FOLLOWS[side])).flatmap(of)


class Shop(RuleBasedStateMachine):
    """A shop that is migrated; `rows` are the artworks that nobody has deleted."""

    clones: Any
    steps: Any

    @initialize(filled=st.booleans())
    def begin(self, filled: bool) -> None:
        """A shop before its backfill, or after it."""
        state = "a shop, filled" if filled else "a shop, expanded"
        self.url = self.clones.of(state, self._filled if filled else self._expanded)
        self.connection = psycopg.connect(self.url, autocommit=True, row_factory=dict_row)
        self.connection.prepare_threshold = None
        self.connection.execute("SET timezone = 'UTC'")
        self.plain = psycopg.connect(self.url, autocommit=True, prepare_threshold=None)
        self.rows = [row["id"] for row in self.connection.execute("SELECT id FROM artworks ORDER BY id")]
        self.orders: dict[str, uuid.UUID] = {}
        self.left = set() if filled else set(SLICES)

    @classmethod
    def _expanded(cls, url: str) -> None:
        artworks.fill({"ARTWORK_DATABASE_URL": url}, rows=20)
        cls.steps.prepare(url)
        journey.back_up(url)

    @classmethod
    def _filled(cls, url: str) -> None:
        cls._expanded(url)
        cls.steps.fill_all(url)

    def _table(self, side: str) -> sql.SQL:
        if side == ROUTED:
            return sql.SQL("public.routed_artworks")
        tables = phase.tables(self.plain)
        return sql.SQL(tables.old_name if side == OLD else tables.clean_name)

    def _look(self, side: str) -> dict[uuid.UUID, dict[str, Any]]:
        rows = self.connection.execute(sql.SQL("SELECT * FROM {}").format(self._table(side)))
        return {row["id"]: row for row in rows}

    def _write(
        self, side: str, statement: str, row: uuid.UUID, value: Any = None, column: str = "id"
    ) -> None:
        text = sql.SQL(statement).format(table=self._table(side), column=sql.Identifier(column))
        self.connection.execute(text, {"row": row, "value": value})

    @rule(data=st.data(), pick=st.integers(0), side=st.sampled_from([OLD, CLEAN, ROUTED]))
    def change(self, data: st.DataObject, pick: int, side: str) -> None:
        """One column of one row: only what follows from it is other than before, on both sides."""
        if not self.rows:
            return
        schema = OLD if side == OLD else CLEAN
        column, value = data.draw(changes(schema))
        row = self.rows[pick % len(self.rows)]
        before = {one: self._look(one) for one in (OLD, CLEAN)}
        self._write(side, "UPDATE {table} SET {column} = %(value)s WHERE id = %(row)s", row, value, column)
        after = {one: self._look(one) for one in (OLD, CLEAN)}
        other = CLEAN if side == OLD else OLD
        own = STAMPED.get(column, set()) if schema == CLEAN else set()
        allowed = {schema: {column, *ALWAYS, *own}, other: FOLLOWS[schema][column] | ALWAYS}
        for one in (OLD, CLEAN):
            if row in before[one] and row in after[one]:
                touched = {name for name, was in before[one][row].items() if after[one][row][name] != was}
                assert touched <= allowed[one], f"{side}.{column} changed {touched - allowed[one]} on {one}"

    @rule(
        side=st.sampled_from([OLD, CLEAN]), customer=names, email=emails, pet=VALUES["pet_name"], at=moments
    )
    def upload(self, side: str, customer: str, email: str, pet: str | None, at: str) -> None:
        """A row of either schema."""
        row = uuid.uuid4()
        told = {
            "id": row,
            "customer_name": customer,
            "customer_email": email,
            "pet_name": pet,
            "created_at": at,
        }
        if side == OLD:
            told["original_image_url"] = "pending"
        else:
            told |= {
                "pet_image_url": "https://img.example.org/1",
                "pet_mom_image_url": "https://img.example.org/2",
            }
        text = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            self._table(side),
            sql.SQL(", ").join(map(sql.Identifier, told)),
            sql.SQL(", ").join(map(sql.Placeholder, told)),
        )
        self.connection.execute(text, told)
        self.rows.append(row)
        assert row in self._look(CLEAN)

    @rule(pick=st.integers(0), side=st.sampled_from([OLD, CLEAN]))
    def delete(self, pick: int, side: str) -> None:
        """A row goes on both sides, and its orders with it."""
        if self.rows:
            row = self.rows.pop(pick % len(self.rows))
            if side == CLEAN and row not in self._look(CLEAN):
                side = OLD  # it is set aside: there is nothing to delete on the clean side
            self._write(side, "DELETE FROM {table} WHERE id = %(row)s", row)
            assert row not in self._look(OLD) | self._look(CLEAN)
            self.orders = {name: artwork for name, artwork in self.orders.items() if artwork != row}

    @rule(email=emails, version=st.sampled_from(["v1", "v2", None]))
    @precondition(lambda self: not self.left)
    def route(self, email: str, version: str | None) -> None:
        """One customer is served by the other table, or by that of everybody."""
        routing.route(self.plain, email, version, by="tests")

    @rule()
    @precondition(lambda self: not self.left)
    def read_as_routed(self) -> None:
        """Whoever is routed where: each sees what the clean table says."""
        assert self._look(ROUTED) == self._look(CLEAN)

    @rule(pick=st.integers(0))
    def order(self, pick: int) -> None:
        """An artwork is paid for."""
        if self.rows:
            name, row = f"cs_{uuid.uuid4().hex}", self.rows[pick % len(self.rows)]
            if phase.current(self.plain) is Phase.SWITCHED and row not in self._look(CLEAN):
                return  # nobody is shown an artwork that is set aside, and nobody can order it
            self.connection.execute(
                "INSERT INTO orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, "
                "customer_name) VALUES (%s, %s, 'digital', 1, 'a@example.net', 'A')",
                [row, name],
            )
            self.orders[name] = row

    @rule(month=st.sampled_from(SLICES))
    @precondition(lambda self: self.left)
    def fill(self, month: str) -> None:
        """A slice of the backfill."""
        self.steps.fill_month(self.url, month)
        self.left.discard(month)

    @rule()
    @precondition(lambda self: not self.left and phase.current(self.plain) is not Phase.SWITCHED)
    def switch(self) -> None:
        """The clean table is called artworks."""
        journey.verify(self.url)
        assert stages.switch(self.url)

    @rule()
    @precondition(lambda self: phase.current(self.plain) is Phase.SWITCHED)
    def roll_back(self) -> None:
        """The old table is called artworks again."""
        assert stages.roll_back(self.url)

    @invariant()
    def every_row_and_order_is_there(self) -> None:
        assert set(self._look(OLD)) == set(self.rows)
        found = self.connection.execute("SELECT stripe_session_id AS name, artwork_id FROM orders")
        there = {row["name"]: row["artwork_id"] for row in found}
        assert {name: there.get(name) for name in self.orders} == self.orders

    def teardown(self) -> None:
        if not hasattr(self, "left"):
            return
        if self.left:
            self.steps.fill_all(self.url)
        found = self.steps.differences(self.url)
        self.connection.close()
        self.plain.close()
        self.clones.drop()
        assert found == []


def test_nothing_is_lost_whatever_is_done_in_whatever_order(clones, steps, reports_path):
    Shop.clones, Shop.steps = clones, steps
    run_state_machine_as_test(
        Shop,
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            # A failure is told as it was found: to shrink it takes minutes.
            phases=[Stage.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
