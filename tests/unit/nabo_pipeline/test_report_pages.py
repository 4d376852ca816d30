"""The summary page and its charts from figures alone; what to do about each reason; the suites' questions."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from local_stack.stack import PROJECT
from migration_kit.accounting import Accounting, State
from migration_kit.pictures.structure import SkeletonError
from nabo_pipeline.media import compression, paths, plans
from nabo_pipeline.media.conclusions import MOST_STEPS, next_steps
from nabo_pipeline.media.paths import CATEGORIES
from nabo_pipeline.media.remedies import REMEDIES, what_to_do
from nabo_pipeline.media.report_rows import Check, LeftBackup, Quarantined, Verdict
from nabo_pipeline.media.statistics import Bin, Compression, Group, Sizes, accounts_of, human_bytes, sizes_by
from nabo_pipeline.pages import charts
from nabo_pipeline.pages.summary import MOST_REASONS, ShownSheet, Summary, render
from nabo_pipeline.steps import placing, transfer
from nabo_pipeline.stores.report_checks import questions
from nabo_pipeline.suites.validation import SUITES

HOSTILE = """</td><script>alert(1)</script>"'$(touch hacked) $\\frac{x"""


def summary(**changed) -> Summary:
    outcomes = changed.get("outcomes", [Group("profile", None, 2, 30, "migrated")])
    values = {
        "at": datetime(2025, 1, 1, tzinfo=UTC), "batch_id": "batch-1", "verified": True,
        "accounts": accounts_of(outcomes, CATEGORIES), "batch": Accounting(source=0), "outcomes": outcomes,
        "compression": [], "saved": [], "unchanged": 0, "similarity": [], "verdicts": [], "checks": [],
        "quarantined": [], "left_backup": [], "left_backup_count": 0, "sheets": [],
    }  # fmt: skip
    return Summary(**{**values, **changed})


def test_other_peoples_text_stays_text_wherever_it_stands():
    groups = [
        Group("profile", f"Undecodable: {HOSTILE}", 1, 10, "quarantined"),
        Group("chat", HOSTILE, 1, 1, "excluded"),
    ]
    page = render(
        summary(
            outcomes=groups,
            compression=[Compression("profile", HOSTILE, HOSTILE, 1, 10, 5)],
            quarantined=[Quarantined(HOSTILE, "profile", f"Undecodable: {HOSTILE}", None)],
            left_backup=[LeftBackup(HOSTILE, "profile", "avatars", HOSTILE)],
            left_backup_count=1,
            checks=[Check("profile", HOSTILE, "critical", 1, 1)],
            verdicts=[Verdict("profile", "passed", "2025-01-01T00:00:00+00:00", HOSTILE)],
            batch_id=HOSTILE,
        )
    )
    assert "<script" not in page
    assert "</td><" not in page.replace("</td><td", "").replace("</td></tr>", "")
    assert "&lt;script&gt;" in page


def test_nothing_is_fetched_from_anywhere():
    sheet = ShownSheet("contact-sheet-random.jpg", "At random", "Some.", 1, b"jpeg")
    page = render(summary(sheets=[sheet]))
    fetched = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(
        one.startswith("data:image/jpeg;base64,") or re.fullmatch(r"[\w-]+\.(json|jpg)", one)
        for one in fetched
    )
    assert "default-src 'none'" in page
    assert "@import" not in page


@pytest.mark.parametrize(
    ("changed", "headline"),
    [
        ({}, "Balanced and verified"),
        ({"verified": False}, "Balanced, but not verified"),
        ({"outcomes": [Group("chat", None, 3, 30)]}, "3 files are not accounted for"),
        ({"outcomes": []}, "Balanced and verified"),
    ],
)
def test_the_headline_never_says_more_than_is_proved(changed, headline):
    page = render(summary(**changed))
    assert re.search(r"<h1>.*?</span>\s*(.*?)</h1>", page, re.DOTALL)[1] == headline
    assert ('class="good"' in page) == (headline == "Balanced and verified")


def test_a_thousand_kinds_of_broken_files_do_not_blow_the_page_up():
    groups = [
        Group("service", f"Undecodable: kind {number:04d}", 1, 1, "quarantined") for number in range(1000)
    ]
    page = render(summary(outcomes=groups))
    assert f"And {1000 - MOST_REASONS} rarer reasons of {1000 - MOST_REASONS} files" in page
    total = sum(accounts_of(groups, CATEGORIES).values(), Accounting(source=0))
    steps = next_steps(total, verified=True, left_backup=0)
    assert len(steps) == MOST_STEPS + 1
    assert f"{1000 - MOST_STEPS} quarantined for {1000 - MOST_STEPS} other reasons" in steps[-1]
    assert len(page) < 200_000


DRAWN = {
    "sizes": lambda: charts.sizes_chart(
        "sizes", "Sizes", {HOSTILE: Sizes(2, 100, 40), "grew": Sizes(1, 5, 9)}
    ),
    "histogram": lambda: charts.histogram(
        "histogram", "Saved", "percent", [Bin(None, 0, 1), Bin(0, 5, 3)], unit="%"
    ),
    "reasons": lambda: charts.reasons_chart("reasons", "Why", [charts.Bar(HOSTILE, 3, "3", charts.EXCLUDED)]),
    "empty": lambda: charts.histogram("empty", "None", "percent", []),
    "nothing": lambda: charts.sizes_chart("nothing", "None", {}),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_sound_the_same_each_time_and_tells_what_it_shows(name):
    drawn = DRAWN[name]()
    root = ET.fromstring(drawn)
    space = "{http://www.w3.org/2000/svg}"
    described = root.attrib["aria-labelledby"].split()
    assert [root.find(f"{space}{tag}").attrib["id"] for tag in ("title", "desc")] == described
    assert root.find(f"{space}desc").text
    identities = [one.attrib["id"] for one in root.iter() if "id" in one.attrib]
    assert len(identities) == len(set(identities))
    assert all(identity.startswith(name) for identity in identities)
    assert not list(root.iter(f"{space}style"))
    assert not re.search(r"#0[0-9]0[0-9]0[0-9]", drawn)
    assert DRAWN[name]() == drawn


def test_a_chart_says_its_numbers_in_words():
    description = ET.fromstring(DRAWN["sizes"]()).find("{http://www.w3.org/2000/svg}desc").text
    assert "60.0% smaller, 100 bytes before and 40 bytes after" in description
    assert "grew: 1 file, 80.0% larger" in description
    assert (
        "below 0%: 1 files; 0 to 5%: 3 files"
        in ET.fromstring(DRAWN["histogram"]()).find("{http://www.w3.org/2000/svg}desc").text
    )


def test_every_reason_that_this_migration_gives_has_its_own_advice():
    texts = {
        text
        for module in (compression, paths, plans, transfer, placing)
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and re.match(r"[A-Z][a-z]+ .", text) and "{" not in text
    }
    texts |= {f"{kind.label}: so it is" for kind in SkeletonError.__subclasses__()}
    assert len(texts) > 15
    advised = {text for text in texts if any(text.startswith(beginning) for beginning, _ in REMEDIES)}
    assert texts - advised == set()
    assert what_to_do(State.QUARANTINED, "nobody foresaw this").startswith("Look at the file")


def test_no_reason_is_hidden_by_another_that_begins_alike_and_each_stands_on_the_page_for_the_person_on_call():
    page = (PROJECT / "docs" / "nabo.md").read_text(encoding="utf-8")
    for beginning, remedy in REMEDIES:
        assert what_to_do(State.QUARANTINED, beginning) == remedy
        assert beginning.strip(" :") in page, beginning


def test_every_rule_of_the_validation_is_counted_but_that_each_row_is_there_once():
    left = [
        rule.expectation
        for suite in SUITES
        for rule in suite.rules
        if rule not in [one.rule for one in questions(suite)]
    ]
    assert left == ["expect_column_values_to_be_unique"]


def test_sizes_add_up_and_read_well():
    groups = [
        Compression("profile", "image/png", "compressed", 2, 1000, 400),
        Compression("service", "image/png", "kept", 1, 10, 10),
    ]
    assert sizes_by(groups, lambda one: one.source_type) == {"image/png": Sizes(3, 1010, 410)}
    assert [human_bytes(size) for size in (0, 1023, 1024, 3 * 1024**2, 5 * 1024**4)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "3.0 MiB", "5.0 TiB",
    ]  # fmt: skip
    assert Sizes(1, 100, 120).saved_percent == pytest.approx(-20)
