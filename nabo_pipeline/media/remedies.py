"""What a person does about each reason for which a file was not migrated. Texts only; docs/nabo.md says more.

A reason may carry a detail after its beginning (a type, a limit): it is found by how it begins.
"""

from __future__ import annotations

from migration_kit.accounting import State
from migration_kit.pictures import bounds, isolation
from nabo_pipeline.media import compression, paths, plans

_NOTHING = "Nothing to do: a rule says no."
_NO_MAPPING = (
    "Nothing to do if it was meant to be left out. Else migrate it first, then plan this category again."
)
_BROKEN = "Look for the picture elsewhere: it is broken in the backup."
_LIMIT = "Open it; if it is sound, raise the limit in the transfer settings and run nabo/images again."
_HOSTILE = "Treat it as hostile: open it on a machine of its own, if at all."
_MAPPING_WRONG = "Correct the mapping of this one, then plan this category again."
_PARENT_FIRST = (
    "Mapping and database disagree: migrate the person, service or message first, then plan again."
)

REMEDIES: tuple[tuple[str, str], ...] = (
    (paths.SALON, _NOTHING),
    (plans.USER_NOT_MAPPED, _NO_MAPPING),
    (plans.SERVICE_NOT_MAPPED, _NO_MAPPING),
    (plans.CHAT_NOT_MAPPED, _NO_MAPPING),
    (plans.CHAT_WITHOUT_MESSAGE, "Nothing to do: no migrated message shows it."),
    (paths.CHAT_NOT_MIGRATED, "Nothing to do, unless chats were migrated: then put in their mapping files."),
    (paths.UNKNOWN_CATEGORY, "Look what it is; it stands outside the app's folders."),
    ("Invalid ", "Look what it is; its path is not one of the app's."),
    ("Unsupported file type: ", "Nothing to do, unless it is a picture: then convert it in the backup."),
    (plans.HAS_AVATAR, "Nothing to do: the person's own avatar wins."),
    (
        compression.ANIMATED,
        "Nothing to do, unless its first frame is enough: then save it as a still picture.",
    ),
    (compression.PAGES, "Nothing to do, unless its first page is enough: then save it as a still picture."),
    (compression.OVER_LIMIT, "Raise the bucket's limit, or make the picture smaller in the backup."),
    ("Bucket ", "Allow the type in the bucket, or convert the picture in the backup."),
    (bounds.EMPTY_FILE, _BROKEN),
    ("Broken file: ", _BROKEN),
    ("Undecodable: ", _BROKEN),
    ("Type mismatch: ", _HOSTILE),
    ("Decompression bomb: ", _HOSTILE),
    (compression.NO_LOSSLESS_COPY, "Convert it to JPEG or PNG in the backup, then plan this category again."),
    (
        plans.SHARED_IMAGE,
        "Leave the message that it belongs to alone in chats-extracted.json, then plan this category again.",
    ),
    ("More than ", _LIMIT),
    ("Larger than ", _LIMIT),
    (isolation.CRASHED, _HOSTILE),
    (isolation.TOO_SLOW, _HOSTILE),
    (isolation.TOO_BIG, _HOSTILE),
    (plans.NO_PROFILE, _PARENT_FIRST),
    (plans.NO_SERVICE, _PARENT_FIRST),
    (plans.NO_MESSAGE, _PARENT_FIRST),
    (plans.OTHER_ORIGINAL, _MAPPING_WRONG),
    (plans.OTHER_STYLIST, _MAPPING_WRONG),
    (plans.SHARED_USER, _MAPPING_WRONG),
    (plans.SHARED_SERVICE, _MAPPING_WRONG),
    (
        "Another object stands at the target path",
        "Compare both; remove the one in Storage if it is a leftover.",
    ),
    (plans.SAME_PATH, "Rename one of them in the backup."),
    (plans.BAD_KEY, "Rename it in the backup."),
    ("Storage refused the file: ", "Do what the reason says, then run nabo/images again."),
    (
        "Source changed since it was migrated",
        "Put the first bytes back, or roll it back to migrate the new ones.",
    ),
    (
        "Its target place changed",
        "If the new mapping is right, roll its category back and migrate it again; else put the old mapping back.",
    ),
    (
        "Its object has gone",
        "Put the former compression settings back and run nabo/images again, or roll its category back first.",
    ),
    (
        "Taken away in the app",
        "Nothing to do: somebody deleted it. If it was lost, delete its ledger entry and run its category again.",
    ),
    ("Source changed since the plan", "Run the category again from nabo/media_inventory on."),
    ("Source cannot be read", "Repair the backup, then run the category again from nabo/media_inventory on."),
    ("The object read back differs", "Remove the object in Storage, then run nabo/images again."),
)
"""(beginning of the reason, what to do), the first that fits."""

_UNKNOWN = {
    State.EXCLUDED: "Nothing to do, unless the rule surprises you.",
    State.QUARANTINED: "Look at the file and its reason; repair it, then run its category again.",
}


def what_to_do(state: State, reason: str) -> str:
    """What the person on call does about files of this state and reason."""
    found = next((remedy for beginning, remedy in REMEDIES if reason.startswith(beginning)), None)
    return found or _UNKNOWN.get(state, "Nothing to do.")
