"""What may not change unannounced: breaking changes are found and acknowledged by name, deprecations carry a date."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema

from app.graphql import evolution
from app.graphql.evolution import find_objections, find_undated_deprecations
from app.graphql.schema import print_sdl

RELEASED = """
type Query { server(name: String!): Server  servers(first: Int): [Server!]! }
type Server { name: String!  title: String  status: Status!  stars: Int }
enum Status { ACTIVE DEPRECATED }
input Where { name: String }
"""
GONE = "Field Server.title was removed."


def changed(old: str, new: str) -> str:
    assert old in RELEASED
    return RELEASED.replace(old, new)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of frontend-schema, without a release yet."""
    monkeypatch.setattr(evolution, "RELEASED", tmp_path / "released.graphql")
    monkeypatch.setattr(evolution, "ACKNOWLEDGED", tmp_path / "acknowledged-changes.txt")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("title: String ", "", "Server.title"),
        ("title: String ", "title: Int ", "Server.title"),
        ("name: String!  title", "name: String  title", "Server.name"),
        ("ACTIVE DEPRECATED", "ACTIVE", "DEPRECATED"),
        ("servers(first: Int)", "servers(first: Int!)", "first"),
        ("servers(first: Int)", "servers", "first"),
        ("servers(first: Int)", "servers(first: Int, q: String!)", "q"),
        ("input Where { name: String }", "input Where { name: String, tag: String! }", "Where.tag"),
        ("input Where { name: String }", "", "Where"),
    ],
)
def test_change_that_breaks_clients_is_refused(old: str, new: str, word: str) -> None:
    (objection,) = find_objections(RELEASED, changed(old, new), "")

    assert objection.startswith("breaks clients of the last release: ")
    assert word in objection


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: String ", "title: String!  colour: String "),
        ("servers(first: Int)", "servers(first: Int, q: String)"),
        ("ACTIVE DEPRECATED", "ACTIVE DEPRECATED DELETED"),
        ("title: String ", 'title: String @deprecated(reason: "use name; gone after 2027-01-01") '),
        ("type Server", '"A server." type Server'),
    ],
)
def test_change_that_breaks_nobody_needs_no_word(old: str, new: str) -> None:
    assert find_objections(RELEASED, changed(old, new), "") == []


def test_acknowledged_change_passes() -> None:
    remarks = "# What changed since the last release.\n\n"

    assert find_objections(RELEASED, changed("title: String ", ""), f"{remarks}{GONE} # nobody ever filled it\n") == []


@pytest.mark.parametrize("line", [GONE, f"{GONE} # ", f"{GONE} #"])
def test_acknowledgement_needs_a_reason(line: str) -> None:
    assert find_objections(RELEASED, changed("title: String ", ""), line) != []


def test_acknowledgement_of_what_is_not_the_case_is_refused() -> None:
    assert find_objections(RELEASED, RELEASED, f"{GONE} # it went\n") == [f"acknowledged, but not the case: {GONE}"]


def test_check_names_the_change_and_the_line_to_add(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workshop / "released.graphql").write_text(print_sdl().replace("type Query {", "type Query {\n  weather: String\n"))

    assert evolution.main([]) == 1
    told = capsys.readouterr().err
    assert "Field Query.weather was removed." in told
    assert "acknowledged-changes.txt" in told

    (workshop / "acknowledged-changes.txt").write_text("Field Query.weather was removed. # it was never right\n")
    assert evolution.main([]) == 0


def test_release_leaves_nothing_to_acknowledge(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workshop / "acknowledged-changes.txt").write_text(f"{GONE} # long ago\n")

    assert evolution.main([]) == 1
    assert "make baseline" in capsys.readouterr().err
    assert evolution.main(["--release"]) == 0
    assert evolution.main([]) == 0
    assert (workshop / "released.graphql").read_text() == print_sdl()


DATED = 'reason: "use name; gone after 2027-06-30"'


@pytest.mark.parametrize(
    ("sdl", "found"),
    [
        (f"type Query {{ a: Int @deprecated({DATED}) }}", []),
        ("type Query { a: Int @deprecated }", ["Query.a"]),
        ('type Query { a: Int @deprecated(reason: "use b") }', ["Query.a"]),
        ('type Query { a(b: Int @deprecated(reason: "no use")): Int }', ["Query.a(b)"]),
        ('type Query { a: E } enum E { A @deprecated(reason: "soon") B }', ["E.A"]),
        ('type Query { a(w: W): Int } input W { a: Int @deprecated(reason: "soon") }', ["W.a"]),
        ('interface N { a: Int @deprecated(reason: "soon") } type Query { n: N }', ["N.a"]),
    ],
)
def test_deprecation_without_a_date_is_found(sdl: str, found: list[str]) -> None:
    assert find_undated_deprecations(build_schema(sdl)) == found


def test_deprecations_of_the_schema_carry_a_date() -> None:
    schema: GraphQLSchema = build_schema(print_sdl())

    assert find_undated_deprecations(schema) == []
