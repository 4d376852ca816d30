"""What is shown of the whole, and what is asked to be tried again."""

from typing import Any

from asset_registry_pipeline.registry.decisions import Verdict
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.sensors import decisions
from asset_registry_pipeline.steps import curation
from migration_kit.accounting import State
from migration_kit.ledger import Entry
from tests.integration.asset_registry_pipeline.curation.conftest import ADA, ANN, BEN, EVE, refused
from tests.integration.asset_registry_pipeline.operating_world import ended, launched, passed, run_job, tick


def test_progress_tells_how_every_layer_and_its_queue_stand(make_desk: Any) -> None:
    desk = make_desk(S=4)
    desk.plan("S", "G")
    first, second, *_ = [one.key for one in desk.queue("S")]
    desk.decide(first)
    desk.claim(second)
    stars = next(one for one in curation.progress(desk.registry) if one.layer == "S")
    assert (stars.open, stars.claimed, stars.decided, stars.asked) == (2, 1, 1, 4)
    assert (stars.status, stars.migrated) == ("pending", 0)
    assert [one.layer for one in curation.progress(desk.registry)] == ["S", "L", "W", "M", "G", "C"]
    desk.plan("S")
    desk.steps.publish("S")
    stars = next(one for one in curation.progress(desk.registry) if one.layer == "S")
    assert (stars.status, stars.migrated, stars.total) == ("completed", 1, 4)


def test_what_composites_wait_for_leads_to_the_items_that_block_them(make_desk: Any) -> None:
    desk = make_desk(C=6)
    desk.plan("S", "L", "W", "M", "G")
    desk.world.staging["assets"].update_one({"layer": "C"}, {"$push": {"components": "B.001.001.777"}})
    desk.plan("C")
    waiting = curation.held(desk.registry)
    assert [one.composites for one in waiting] == sorted((one.composites for one in waiting), reverse=True)
    blocking = {one.key: one for one in waiting if one.key}
    assert {one.state for one in blocking.values()} == {"open"}
    assert {one.key: one.blocks for one in desk.queue() if one.blocks} == {
        key: one.composites for key, one in blocking.items()
    }
    (absent,) = [one for one in waiting if one.key is None]
    assert (absent.component, absent.layer, absent.why) == ("B.001.001.777", "B", "not in staging")
    before = desk.world.development["migration_overviews"].find_one()
    curation.refresh(desk.registry, "C")
    assert desk.world.development["migration_overviews"].find_one() == before


def test_who_decided_what_is_counted_by_person_and_verdict(make_desk: Any) -> None:
    desk = make_desk(S=4)
    desk.plan("S")
    first, second, third, _ = [one.key for one in desk.queue("S")]
    mail = Actor("carol@example.invalid", Role.CURATOR)
    desk.decide(first)
    desk.decide(second, None, verdict=Verdict.REJECT, reason="a test")
    desk.decide(third, "w", mail)
    found = {one.name: (one.decisions, dict(one.verdicts)) for one in curation.deciders(desk.registry)}
    assert found == {"ann": (2, {"edit": 1, "reject": 1}), "c***@example.invalid": (1, {"edit": 1})}
    curation.undo(desk.registry, ANN, first, 1, desk.now)
    assert {one.name: one.decisions for one in curation.deciders(desk.registry)}["ann"] == 1


def test_the_audit_log_goes_page_by_page_and_is_for_admins(make_desk: Any) -> None:
    desk = make_desk(S=5)
    desk.plan("S")
    keys = [one.key for one in desk.queue("S")]
    for key in keys:
        desk.decide(key)
    seen, after = [], None
    while True:
        page = curation.audit(desk.registry, ADA, after=after, limit=2)
        seen += [one.key for one in page.entries]
        after = page.next
        if after is None:
            break
    assert seen == keys[::-1]
    with refused("forbidden"):
        curation.audit(desk.registry, BEN)


def test_what_failed_is_told_with_the_reason_and_asked_to_be_tried_again(make_desk: Any) -> None:
    desk = make_desk(S=2)
    desk.plan("S")
    broken = Entry(
        "x" * 24, "S", State.QUARANTINED, "a field has another type", "h", None,
        {"label": "S.POP.HPM.001", "why": "by curator01@example.invalid"}, "run", "batch",
    )  # fmt: skip
    desk.registry.ledger.record([broken])
    (told,) = curation.errors(desk.registry)
    assert (told.label, told.reason, told.retry) == ("S.POP.HPM.001", "a field has another type", None)
    assert "c***@example.invalid" in told.detail
    with refused("forbidden"):
        curation.request_retry(desk.registry, EVE, "S", desk.now)
    with refused("not_found"):
        curation.request_retry(desk.registry, ANN, "Q", desk.now)
    for about in (broken.item, desk.queue("S")[0].key, "S"):
        assert curation.request_retry(desk.registry, ANN, about, desk.now).layer == "S"
    assert curation.errors(desk.registry, "S")[0].retry == desk.now
    assert curation.errors(desk.registry, "L") == ()


def test_decisions_and_requests_that_no_plan_knows_are_asked_for_until_they_are_planned(
    make_desk: Any,
) -> None:
    desk = make_desk(S=3)
    world = desk.world
    desk.plan("S", "G")
    assert "know all" in tick(world, decisions).skip_message
    keys = [one.key for one in desk.queue("S")]
    desk.decide(keys[0])
    assert "begun by hand" in tick(world, decisions).skip_message
    passed(desk.registry, "S", "apply")
    passed(desk.registry, "G", "apply")

    (request,) = tick(world, decisions).run_requests
    assert request.run_key == tick(world, decisions).run_requests[0].run_key
    desk.decide(keys[1])
    (newer,) = tick(world, decisions).run_requests
    assert newer.run_key.rpartition(":")[0] != request.run_key.rpartition(":")[0]
    told = run_job(world, "registry_decided")
    assert "decisions that its newest plan has not seen" in told["what_and_why"]
    (target,) = launched(world)
    # Staging is as it was inventoried: it is not looked at, nor backed up, once more.
    assert {(asset, part) for asset, part in target if part} == {
        ("component_candidates", "S"), ("components", "S"), ("reconciliation", "S"),
    }  # fmt: skip
    assert "backfill" in tick(world, decisions).skip_message or "at it" in tick(world, decisions).skip_message
    for backfill in world.instance.get_backfills():
        world.instance.update_backfill(backfill.with_status(_status("COMPLETED_SUCCESS")))
    desk.plan("S")
    assert "know all" in tick(world, decisions).skip_message

    curation.request_retry(desk.registry, ANN, "G", desk.now)
    (asked,) = tick(world, decisions).run_requests
    assert asked.run_key != newer.run_key
    ended(world, asked, _run_status("SUCCESS"))
    assert tick(world, decisions).cursor == asked.run_key.rpartition(":")[0]
    # Where staging has changed since, its inventory is taken anew.
    desk.rewrite(keys[2], description="Changed.", updatedAt=desk.now)
    desk.decide(keys[2])
    run_job(world, "registry_decided")
    assert ("staging_inventory", "S") in launched(world)[-1]
    assert ("song_candidates", "G") in launched(world)[-1]
    assert ("staging_inventory", "G") not in launched(world)[-1]


def _status(name: str) -> Any:
    from dagster._core.execution.backfill import BulkActionStatus

    return BulkActionStatus[name]


def _run_status(name: str) -> Any:
    import dagster as dg

    return dg.DagsterRunStatus[name]


def test_a_run_that_launched_a_backfill_has_succeeded_only_when_that_has(make_desk: Any) -> None:
    desk = make_desk(S=3)
    world = desk.world
    desk.plan("S")
    passed(desk.registry, "S", "apply")
    desk.decide(desk.queue("S")[0].key)
    (request,) = tick(world, decisions).run_requests
    keys = {request.run_key}
    for attempt in range(2, 4):
        _launch(world, request)
        assert "is at it" in tick(world, decisions).skip_message
        _end(world, "COMPLETED_FAILED")
        found = tick(world, decisions)
        assert not found.cursor
        (request,) = found.run_requests
        assert request.run_key.endswith(f":{attempt}")
        keys.add(request.run_key)
    _launch(world, request)
    _end(world, "COMPLETED_SUCCESS")
    assert tick(world, decisions).cursor == request.run_key.rpartition(":")[0]
    assert len(keys) == 3


def _launch(world: Any, request: Any) -> None:
    """The run of a request launches its backfill, and ends."""
    from asset_registry_pipeline.definitions import build_defs
    from tests.integration.asset_registry_pipeline.operating_world import resources

    result = (
        build_defs(resources(world))
        .resolve_job_def("registry_decided")
        .execute_in_process(instance=world.instance, tags=dict(request.tags))
    )
    assert result.success


def _end(world: Any, status: str) -> None:
    for backfill in world.instance.get_backfills():
        if backfill.status.value == "REQUESTED":
            world.instance.update_backfill(backfill.with_status(_status(status)))
