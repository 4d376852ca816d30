"""The lifecycle functions, called as the application calls them: on the database, by name, by many at once."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import psycopg
import pytest

from artwork_pipeline.artworks import lifecycle

CREATE = "SELECT * FROM create_artwork(%s, %s, %s, %s, %s)"
UPDATE = "SELECT * FROM update_artwork_lifecycle(%s, %s, %s)"
MOM, PET = "https://img.example.org/mom.jpg", "https://img.example.org/pet.jpg"
PICTURE, LARGE = "https://img.example.org/picture.png", "https://img.example.org/large.png"
BAD, ILLEGAL, UNKNOWN = "22023", "55000", "P0002"
STAMPS = (
    *("generation_started_at", "generation_completed_at", "upscale_started_at", "upscale_completed_at"),
    *("generation_status", "upscale_status", "generated_image_url", "upscaled_image_url"),
)


def create(connection, **given):
    asked = {"name": "Ida", "email": "ida@example.net", "pet": "Rex", "mom": MOM, "picture": PET} | given
    return connection.execute(CREATE, list(asked.values())).fetchone()


def update(connection, artwork, changes, *, force=False):
    return connection.execute(UPDATE, [artwork["id"], json.dumps(changes), force]).fetchone()


def refused(connection, artwork, changes, *, force=False):
    """The refusal of a change, which leaves the session as it was."""
    with pytest.raises(psycopg.Error) as told, connection.transaction():
        update(connection, artwork, changes, force=force)
    return told.value


def put(connection, artwork, **columns):
    """Bring a row into a state, whatever leads there."""
    names = ", ".join(f"{name} = %s" for name in columns)
    connection.execute(f"UPDATE artworks_v2 SET {names} WHERE id = %s", [*columns.values(), artwork["id"]])
    return connection.execute("SELECT * FROM artworks_v2 WHERE id = %s", [artwork["id"]]).fetchone()


EVERY_STEP = [
    *(("generation_status", *pair) for pair in product(lifecycle.GENERATION_STEPS, repeat=2)),
    *(("upscale_status", *pair) for pair in product(lifecycle.UPSCALE_STEPS, repeat=2)),
]


def test_every_pair_of_states_is_allowed_or_refused_and_stamped_as_specified(connection):
    # 4 x 4 and 5 x 5 pairs, each with and without its picture, forced and not, before and after the generation.
    made = create(connection)
    tried = 0
    for (column, before, after), url, force, generated in product(
        EVERY_STEP, [None, PICTURE], [False, True], ["completed", "processing"]
    ):
        if column == "generation_status" and generated == "processing":
            continue
        state = {
            "generation_status": generated, "upscale_status": "not_started", column: before,
            "generated_image_url": PICTURE if column == "upscale_status" else url, "upscaled_image_url": url,
        }  # fmt: skip
        was = put(connection, made, **state)
        was = put(connection, made, **dict.fromkeys(STAMPS[:4]))
        now = connection.execute("SELECT now()").fetchone()["now"]
        expected = lifecycle.refusal(was, {column: after}, force=force)
        if expected is None:
            found = update(connection, made, {column: after}, force=force)
            wanted = was | {column: after}
            assert {name: found[name] for name in STAMPS} == {
                **{name: wanted[name] for name in STAMPS[4:]},
                **lifecycle.stamped(was, wanted, now),
            }
        else:
            assert refused(connection, made, {column: after}, force=force).sqlstate == ILLEGAL
        tried += 1
    assert tried == 16 * 4 + 25 * 8


def test_a_generation_and_its_upscaling_in_the_usual_order(migrated, query):
    with psycopg.connect(migrated, autocommit=True, row_factory=psycopg.rows.dict_row) as session:
        made = create(session)
        for changes, stamp in (
            ({"generation_status": "processing", "fal_request_id": "fal-1"}, "generation_started_at"),
            ({"generation_status": "completed", "generated_image_url": PICTURE}, "generation_completed_at"),
            ({"upscale_status": "pending"}, None),
            ({"upscale_status": "processing"}, "upscale_started_at"),
            ({"upscale_status": "completed", "upscaled_image_url": LARGE}, "upscale_completed_at"),
        ):
            before = made
            made = update(session, made, changes)
            changed = {name for name in STAMPS[:4] if made[name] != before[name]}
            assert changed == ({stamp} if stamp else set())
            assert made["updated_at"] > before["updated_at"]
        stamps = [made[name] for name in STAMPS[:4]]
        assert stamps == sorted(stamps)


def test_the_same_state_again_changes_nothing_and_keeps_the_first_stamp(migrated):
    with psycopg.connect(migrated, autocommit=True, row_factory=psycopg.rows.dict_row) as session:
        made = create(session)
        first = update(session, made, {"generation_status": "processing"})
        assert update(session, made, {"generation_status": "processing"}) == first
        done = {"generation_status": "completed", "generated_image_url": PICTURE}
        first = update(session, made, done)
        assert update(session, made, done) == first
        assert update(session, made, {}) == first


def test_a_second_attempt_has_stamps_of_its_own(migrated):
    with psycopg.connect(migrated, autocommit=True, row_factory=psycopg.rows.dict_row) as session:
        made = create(session)
        first = update(session, made, {"generation_status": "processing"})
        failed = update(session, made, {"generation_status": "failed"})
        assert (failed["generation_started_at"], failed["generation_completed_at"]) == (
            first["generation_started_at"],
            None,
        )
        again = update(session, made, {"generation_status": "processing"})
        assert again["generation_started_at"] > first["generation_started_at"]


def test_two_who_finish_one_artwork_at_once_leave_one_stamp(migrated, query):
    with psycopg.connect(migrated, row_factory=psycopg.rows.dict_row) as session:
        made = create(session)
        session.commit()
        done = {"generation_status": "completed", "generated_image_url": PICTURE}
        first = update(session, made, done)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(query, migrated, UPDATE, made["id"], json.dumps(done), False)
            while not query(migrated, "SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]:
                assert not second.done()
            session.commit()
            assert len(second.result()) == 1
        stamp = "SELECT generation_completed_at FROM artworks_v2 WHERE id = %s"
        assert query(migrated, stamp, made["id"]) == [(first["generation_completed_at"],)]


def test_of_two_who_disagree_the_second_is_refused(migrated, query):
    with psycopg.connect(migrated, row_factory=psycopg.rows.dict_row) as session:
        made = create(session)
        session.commit()
        update(session, made, {"generation_status": "completed", "generated_image_url": PICTURE})
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(
                query, migrated, UPDATE, made["id"], '{"generation_status": "failed"}', False
            )
            while not query(migrated, "SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]:
                assert not second.done()
            session.commit()
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="from completed to failed"):
                second.result()


def test_a_picture_and_its_upscaling_may_come_in_one_call(connection):
    made = update(
        connection,
        create(connection),
        {"generation_status": "completed", "generated_image_url": PICTURE, "upscale_status": "processing"},
    )
    assert (made["generation_status"], made["upscale_status"]) == ("completed", "processing")


def test_mock_ups_are_stamped_when_they_come(connection):
    made = update(connection, create(connection), {"mockup_urls": {"mug": PICTURE}})
    assert made["mockup_urls"] == {"mug": PICTURE}
    assert made["mockup_generated_at"] is not None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": str(uuid.uuid4())}, "'id' is nothing that can be changed here"),
        ({"access_token": "stolen"}, "'access_token' is nothing that can be changed here"),
        ({"user_id": None}, "'user_id' is nothing"),
        ({"customer_email": "other@example.net"}, "'customer_email' is nothing"),
        ({"generation_completed_at": "2020-01-01"}, "'generation_completed_at' is nothing"),
        ({"legacy": {}}, "'legacy' is nothing"),
        ({"generation_status; DROP TABLE users": "x"}, "'generation_status; DROP TABLE users' is nothing"),
        ({"": "x"}, "'' is nothing that can be changed here"),
        ({"generation_status": None}, "generation_status is null, and needs to be a JSON string"),
        ({"generation_status": 1}, "generation_status is number, and needs to be a JSON string"),
        ({"generation_status": "done"}, "generation_status has no state 'done'"),
        ({"generation_status": "not_started"}, "generation_status has no state 'not_started'"),
        ({"generation_status": "Completed"}, "generation_status has no state 'Completed'"),
        ({"generation_status": ""}, "generation_status is empty"),
        ({"upscale_status": "not_required"}, "upscale_status has no state 'not_required'"),
        ({"upscale_status": ["completed"]}, "upscale_status is array"),
        ({"generated_image_url": None}, "generated_image_url is null"),
        ({"generated_image_url": ""}, "generated_image_url is empty"),
        ({"upscaled_image_url": "  "}, "upscaled_image_url is empty"),
        ({"generated_image_url": {"url": PICTURE}}, "generated_image_url is object"),
        (
            {"mockup_urls": "https://img.example.org"},
            "mockup_urls is string, and needs to be a JSON object or array",
        ),
        ({"generation_params": []}, "generation_params is array, and needs to be a JSON object"),
        ({"generation_params": True}, "generation_params is boolean"),
    ],
)
def test_a_change_that_is_none_is_refused_by_name(changes, told, connection):
    made = create(connection)
    error = refused(connection, made, changes, force=True)
    assert error.sqlstate == BAD
    assert told in error.diag.message_primary
    assert error.diag.message_hint
    assert connection.execute("SELECT * FROM artworks_v2 WHERE id = %s", [made["id"]]).fetchone() == made


@pytest.mark.parametrize("changes", [None, "null", "[]", '"completed"', "1"])
def test_changes_that_are_no_object_are_refused(changes, connection):
    made = create(connection)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="a JSON object is needed"):
        connection.execute(UPDATE, [made["id"], changes, False])


@pytest.mark.parametrize("unknown", [None, uuid.UUID(int=7)])
def test_an_artwork_that_is_not_there_is_told(unknown, connection):
    error = refused(connection, {"id": unknown}, {"generation_status": "failed"})
    assert (error.sqlstate, error.diag.message_primary) == (
        UNKNOWN,
        f"there is no artwork {unknown or 'NULL'}",
    )


def test_one_bad_change_among_good_ones_leaves_all_as_it_was(connection):
    made = create(connection)
    refused(connection, made, {"generation_status": "processing", "user_id": "x"})
    refused(connection, made, {"generation_status": "processing", "upscale_status": "pending"})
    assert connection.execute("SELECT * FROM artworks_v2 WHERE id = %s", [made["id"]]).fetchone() == made
