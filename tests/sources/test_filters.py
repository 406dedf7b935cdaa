"""The decision table of a source's filter, and every token of a name pattern."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.globs import translate_glob
from app.sources.filters import compile_filter

NAME = "io.github.acme/db"


def names(include: list[str] | None = None, exclude: list[str] | None = None) -> dict[str, Any]:
    return {"names": {"include": include, "exclude": exclude}}


def tags(include: list[str] | None = None, exclude: list[str] | None = None) -> dict[str, Any]:
    return {"tags": {"include": include, "exclude": exclude}}


@pytest.mark.parametrize(
    ("exclude", "include", "kept"),
    [
        ([], [], True),
        (["*/db"], [], False),
        (["*/db"], ["*/db"], False),
        (["*/db"], ["*/other"], False),
        (["*/other"], [], True),
        (["*/other"], ["*/x", "*/db"], True),
        (["*/other"], ["*/x"], False),
        ([], ["*/x", "*/db"], True),
        ([], ["*/x"], False),
    ],
)
def test_name_lists_decide(exclude: list[str], include: list[str], kept: bool) -> None:
    assert compile_filter(names(include, exclude)).admits(NAME, ()) is kept


@pytest.mark.parametrize(
    ("exclude", "include", "kept"),
    [
        ([], [], True),
        (["sql"], [], False),
        (["sql"], ["sql"], False),
        (["sql"], ["other"], False),
        (["other"], [], True),
        (["other"], ["x", "sql"], True),
        (["other"], ["x"], False),
        ([], ["x", "sql"], True),
        ([], ["x"], False),
        (["SQL", "s*", "sq"], [], True),
    ],
)
def test_tag_lists_decide(exclude: list[str], include: list[str], kept: bool) -> None:
    assert compile_filter(tags(include, exclude)).admits(NAME, ("sql", "read")) is kept


@pytest.mark.parametrize(("name_kept", "tag_kept"), [(True, True), (True, False), (False, True), (False, False)])
def test_names_and_tags_must_both_agree(name_kept: bool, tag_kept: bool) -> None:
    chosen = compile_filter({**names(["*/db" if name_kept else "x"]), **tags(["sql" if tag_kept else "x"])})
    assert chosen.admits(NAME, ["sql"]) is (name_kept and tag_kept)


def test_entry_without_tags_fails_includes_and_passes_excludes() -> None:
    assert not compile_filter(tags(include=["sql"])).admits(NAME, ())
    assert compile_filter(tags(exclude=["sql"])).admits(NAME, ())


@pytest.mark.parametrize("nothing", [None, {}, {"names": None, "tags": {}}, {"names": {"include": []}}])
def test_no_lists_admit_everything(nothing: dict[str, Any] | None) -> None:
    assert compile_filter(nothing).admits(NAME, ["x"])


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", [""], ["a"]),
        ("a.c", ["a.c"], ["abc", "A.C", "a.cd", "xa.c"]),
        ("*", ["", "a", "a/b", "a\nb"], []),
        ("**", ["", "a/b"], []),
        ("io.github.acme/*", [NAME, "io.github.acme/"], ["io.github.acme", "xio.github.acme/db"]),
        ("*postgres*", ["com.x/postgres-ro", "postgres"], ["com.x/postgre"]),
        ("acme/*", ["acme/db"], [NAME]),
        ("a*b*c", ["abc", "a/b/c", "abcbc", "a--b--bc"], ["ac", "abcd"]),
        ("*a*", ["a", "bab"], ["b"]),
        ("a?c", ["abc", "a/c", "aéc"], ["ac", "abbc"]),
        ("[abc]", ["a", "c"], ["d", "ab", ""]),
        ("[a-c]x", ["ax", "cx"], ["dx"]),
        ("[a-c0-9_]", ["b", "7", "_"], ["d", "-"]),
        ("[!abc]", ["d", "/"], ["a", ""]),
        ("[!a-z]", ["A", "1"], ["q"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[-a]", ["a", "-"], ["b"]),
        ("[\\]&]", ["]", "&"], ["\\"]),
        ("[.*?]", [".", "*", "?"], ["a"]),
        ("{ab,cd}x", ["abx", "cdx"], ["x", "ab,cdx"]),
        ("{a*,?b}c", ["ac", "axxc", "xbc"], ["bc"]),
        ("{a,b{c,d}}", ["a", "bc", "bd"], ["b", "c"]),
        ("a{,b}", ["a", "ab"], ["a,b"]),
        ("a,b}]", ["a,b}]"], ["a"]),
        ("\\*\\?\\[\\{\\\\", ["*?[{\\"], ["a"]),
        ("\\a", ["a"], ["\\a"]),
    ],
)
def test_pattern_tokens_mean_what_they_should(pattern: str, matching: list[str], others: list[str]) -> None:
    chosen = compile_filter(names([pattern]))
    assert [name for name in matching if not chosen.admits(name, ())] == []
    assert [name for name in others if chosen.admits(name, ())] == []


def test_braces_in_one_pattern_do_not_reach_into_the_next() -> None:
    chosen = compile_filter(names(["a{b,c}", "x"]))
    assert [name for name in ("ab", "ac", "x", "ax", "abx") if chosen.admits(name, ())] == ["ab", "ac", "x"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a[bc", "a [ is not closed"),
        ("a[", "a [ is not closed"),
        ("a[!", "a [ is not closed"),
        ("a[b\\", "a [ is not closed"),
        ("[]", "a class [] needs at least one character"),
        ("[!]", "a class [] needs at least one character"),
        ("[z-a]", "the range z-a runs backwards"),
        ("a\\", "it ends with a backslash"),
        ("{a,b", "a { is not closed"),
        ("{" * 30 + "}" * 30, "its braces are nested more than 20 deep"),
        ("{a,b}" * 10, "its braces stand for more than 1000 patterns"),
    ],
)
@pytest.mark.parametrize("side", ["include", "exclude"])
def test_bad_pattern_is_refused_by_place_and_name(pattern: str, reason: str, side: str) -> None:
    with pytest.raises(Invalid) as caught:
        compile_filter({"names": {side: ["*", pattern]}})
    assert str(caught.value).startswith(f"filter.names.{side}[1]: {pattern!r} is not a valid pattern: {reason}")


def test_pattern_of_many_stars_takes_no_endless_time() -> None:
    assert not compile_filter(names(["*a" * 40 + "b"])).admits("a" * 200, ())


@settings(deadline=None)
@given(pattern=st.text(alphabet="ab/*?", max_size=8), name=st.text(alphabet="ab/", max_size=8))
def test_stars_and_question_marks_match_like_their_plain_translation(pattern: str, name: str) -> None:
    plain = pattern.replace("?", ".").replace("*", ".*")
    assert bool(re.fullmatch(translate_glob(pattern), name)) == bool(re.fullmatch(plain, name))


@settings(deadline=None)
@given(pattern=st.text(alphabet="a-!^[]{},\\*?é\n"))
def test_any_pattern_is_compiled_or_refused(pattern: str) -> None:
    with suppress(Invalid):
        compile_filter(names([pattern])).admits(NAME, ())
