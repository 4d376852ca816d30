"""Files that leave the backup, files without an outcome, and names that are hard: the accounting through the assets."""

import json

from nabo_pipeline.stores.accounting import LEFT
from tests.integration.nabo_pipeline.test_guards import told


def problems(place, stage, category):
    found = json.loads((place.reports / "nabo" / f"{stage}-{category}-problems.json").read_text())
    return {one["item"]: (one["state"], one["reason"]) for one in found}


def left(result, name):
    """How many files left the backup since they were migrated, as an asset tells."""
    return next(
        event.materialization.metadata["left_the_backup_since_migrated"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key.path[-1] == name
    )


def test_what_leaves_the_backup_is_listed_or_forgotten_and_stops_nobody(place):
    assert place.run("service").success
    gone = place.migrated("service")[0]["item"]
    objects, rows = place.objects(), place.query("select * from public.media order by id")
    excluded = next(item for item, (state, _) in sorted(place.outcomes().items()) if state == "excluded")
    for item in (gone, excluded):
        place.remove_from_backup(item)
    for _ in range(2):
        result = place.run("service")
        assert result.success
        assert place.outcomes()[gone] == ("migrated", None)
        assert excluded not in place.outcomes()
        assert left(result, "images") == left(result, "media_records") == 1
        assert problems(place, "images", "service")[gone] == ("migrated", LEFT)
        assert place.objects() == objects
        assert place.query("select * from public.media order by id") == rows


def test_a_file_that_is_not_planned_or_has_no_outcome_stops_its_category(place):
    assert place.run("service", "media_inventory").success
    place.query(
        "delete from nabo_migration.inventory where key = (select min(key) from nabo_migration.inventory)"
    )
    assert "there are rows to check" in told(place.run("service", "migration_plan"))
    assert place.query("select count(*) from nabo_migration.plan_items") == [(0,)]
    assert place.run("service", "media_inventory", "migration_plan", "images").success
    item = place.migrated("service")[0]["item"]
    place.query("delete from nabo_migration.outcomes where item = %s", item)
    assert f"{item} (not in ledger)" in told(place.run("service", "media_records"))
    assert place.query("select count(*) from public.media") == [(0,)]


MESSAGE = "11111111-1111-4111-8111-1111111111{:02x}"
NAMES = {
    "a:b.png": None, "with space.png": None, "$(touch hacked).png": None, "it's.png": None, "two.dots.png": None,
    'a "quote".png': "Storage does not take this file name", "blåbær.png": "Storage does not take this file name",
    "new\nline.png": "Storage does not take this file name", "50%.png": "Storage does not take this file name",
    f"{'x' * 251}.png": "Storage does not take this file name",
    "...png": "Invalid chat path structure", "deeper/one.png": "Invalid chat path structure",
    "no extension": "Invalid chat path structure",
}  # fmt: skip


def test_chat_images_with_odd_names_arrive_or_say_why(place):
    sender, stylist = (row[0] for row in place.query("select id from public.profiles order by id limit 2"))
    source = place.query  # the first chat of the backup gives its picture
    assert place.run("chat", "media_inventory").success
    key = source("select min(key) from nabo_migration.inventory where category = 'chat'")[0][0]
    chat, picture = key.split("/")[1], place.backup_bytes(key)
    source(
        "insert into public.chats (id, customer_id, stylist_id) values (%s, %s, %s)", chat, sender, stylist
    )
    messages = {MESSAGE.format(number): name for number, name in enumerate(NAMES)}
    for message, name in messages.items():
        place.put(f"Chat-Images/{chat}/{name}", picture)
        source(
            "insert into public.chat_messages (id, chat_id, sender_id, content) values (%s, %s, %s, '')",
            message, chat, sender,
        )  # fmt: skip
    place.put(f"Chat-Images/{chat.upper()}/upper.png", picture)
    folder = place.reports.parent / "mappings"
    created = {
        "created_at": "", "metadata": {}, "created_chats": [{"id": chat}],
        "created_messages": [{"id": message, "chat_id": chat, "sender_id": str(sender)} for message in messages],
    }  # fmt: skip
    extracted = [{"message": {"id": one, "message": name}, "chat_id": chat} for one, name in messages.items()]
    (folder / "chats-created.json").write_text(json.dumps(created))
    (folder / "chats-extracted.json").write_text(json.dumps({"imageMessages": extracted}))
    assert place.run("chat").success

    outcomes = place.outcomes()
    reasons = {name: outcomes[f"Chat-Images/{chat}/{name}"][1] for name in NAMES}
    assert reasons == NAMES
    assert outcomes[f"Chat-Images/{chat.upper()}/upper.png"][1] == "Invalid chat path structure"
    arrived = {message for message, name in messages.items() if NAMES[name] is None}
    shown = source("select chat_message_id::text, file_path from public.media where owner_id = %s", sender)
    assert {message for message, _ in shown} == arrived
    assert all(path.split("/")[:2] == [chat, message] for message, path in shown)
