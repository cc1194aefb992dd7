"""The JSON Schemas against manifests, tags and root documents, sound and broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from conformance.corpus import CHECKPOINTS, V1, Case, cases, load, stores
from conformance.json_patch import patched, repeated

SCHEMAS = {
    name: Draft202012Validator(load(V1 / "schema" / f"{name}.schema.json"))
    for name in (
        "manifest",
        "collection",
        "tombstone",
        "tag",
        "quarantine",
        "plan",
        "receipt",
        "zarr-root",
    )
}
PART = Draft202012Validator({"$ref": "#/$defs/part", "$defs": SCHEMAS["manifest"].schema["$defs"]})
BY_KIND = {"collect": "collection", "expired": "tombstone"}
FROZEN = [pytest.param(frozen, id=frozen.name) for frozen in stores(CHECKPOINTS)]
STRUCTURAL = {"R-MAN-01", "R-MAN-03", "R-MAN-04", "R-MAN-06", "R-ARR-01", "R-ARR-02", "R-KEY-04"}
"""Requirements that a schema can state in full, numbers with a fraction of zero excepted."""


def document_of(case: Case) -> Any:
    """Return the manifest of a case."""
    if "text" in case.input:
        return json.loads(case.input["text"])
    changed = patched(case.document["base"], case.input["patch"])
    return repeated(changed, case.input.get("repeat", []))


def text_of(case: Case) -> str:
    """Return the text of a case, without the blanks that may follow it."""
    return str(case.input if isinstance(case.input, str) else case.input["text"])


def manifests(file: str) -> list[Any]:
    """Return the manifests of a fixture file as parameters."""
    found = [case for case in cases() if case.file == file]
    return [pytest.param(case, id=case.name) for case in found]


def has_whole_float(value: Any) -> bool:
    """Tell whether 1.0 stands for 1 somewhere: the same to a schema, not to a reader."""
    if isinstance(value, dict):
        return any(map(has_whole_float, value.values()))
    if isinstance(value, list):
        return any(map(has_whole_float, value))
    return isinstance(value, float) and value.is_integer()


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_a_schema(name: str) -> None:
    """Each schema is valid by the draft that it names."""
    Draft202012Validator.check_schema(SCHEMAS[name].schema)


@pytest.mark.parametrize("frozen", FROZEN)
def test_schemas_accept_frozen_stores(frozen: Any) -> None:
    """Manifests, hint, tags and root document of every frozen store pass."""
    for path in [*frozen.store.glob("commits/*.json"), *frozen.store.glob("latest.json")]:
        document = load(path)
        SCHEMAS[BY_KIND.get(document["kind"], "manifest")].validate(document)
    for path in frozen.store.glob("tags/*.json"):
        SCHEMAS["tag"].validate(load(path))
    SCHEMAS["zarr-root"].validate(load(frozen.store / "zarr.json"))
    for path in frozen.store.glob("steps/*/pages/*.json"):
        PART.validate(load(path))
    for path in frozen.store.glob("steps/*/parts/*.json"):
        SCHEMAS["receipt"].validate(load(path))


@pytest.mark.parametrize("case", manifests("manifest"))
def test_schema_accepts_sound_manifests(case: Case) -> None:
    """A manifest that a reader accepts passes the schema."""
    SCHEMAS["manifest"].validate(document_of(case))


@pytest.mark.parametrize(
    "case", [p for p in manifests("manifest-errors") if STRUCTURAL & {*p.values[0].requirement}]
)
def test_schema_refuses_broken_structure(case: Case) -> None:
    """A manifest whose structure is broken does not pass, nor one with 1.0 for 1 in it."""
    document = document_of(case)

    assert has_whole_float(document) or not SCHEMAS["manifest"].is_valid(document)


@pytest.mark.parametrize("case", manifests("collections"))
def test_schemas_judge_collections_and_tombstones(case: Case) -> None:
    """What a reader accepts passes its schema; what lacks a member or has one too many does not."""
    document = document_of(case)
    schema = SCHEMAS[BY_KIND[document["kind"]]]
    kind, code = case.expected

    if kind == "output" or code == "member-unknown":
        assert (kind == "output") == schema.is_valid(document)


@pytest.mark.parametrize("case", manifests("tags"))
def test_schema_judges_tags(case: Case) -> None:
    """The schema of tags and a reader agree on all that is JSON."""
    kind, code = case.expected
    if kind == "output" or code == "tag-invalid":
        assert (kind == "output") == SCHEMAS["tag"].is_valid(json.loads(text_of(case)))


@pytest.mark.parametrize("case", manifests("quarantine"))
def test_schema_judges_quarantine_records(case: Case) -> None:
    """The schema of quarantine records and a reader agree on all that is JSON."""
    kind, code = case.expected
    if kind == "output" or code == "quarantine-invalid":
        assert (kind == "output") == SCHEMAS["quarantine"].is_valid(json.loads(text_of(case)))


@pytest.mark.parametrize("case", manifests("parts"))
def test_schemas_judge_plans_and_receipts(case: Case) -> None:
    """What a writer accepts passes its schema; what is of another form does not."""
    if "text" in case.input:
        return
    document = patched(case.document[case.operation], case.input["patch"])
    valid = SCHEMAS[case.operation].is_valid(document)
    kind, _ = case.expected

    assert valid or kind == "error"
    if case.name.endswith((": a member too many", ": no parts", ": no losses", "a negative loss")):
        assert not valid
