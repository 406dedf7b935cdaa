"""One row for each rule of `graphql`; what a manifest of trusted documents holds is the API's to judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.settings import GraphQLSettings
from tests.core.settings.settings_files import MINIMAL, load, refuse_once


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ("maxDepth: 0", "maxDepth", "graphql.maxDepth must be between 1 and 100, got 0"),
        ("maxDepth: 101", "maxDepth", "graphql.maxDepth must be between 1 and 100, got 101"),
        ("maxDepth: deep", "maxDepth", "graphql.maxDepth must be a whole number, got 'deep'"),
        ("maxAliases: -1", "maxAliases", "graphql.maxAliases must be between 0 and 1000, got -1"),
        ("maxTokens: 99", "maxTokens", "graphql.maxTokens must be between 100 and 10000, got 99"),
        ("maxCost: 0", "maxCost", "graphql.maxCost must be between 1 and 1000000, got 0"),
        ("maxBatchedOperations: 0", "maxBatchedOperations", "graphql.maxBatchedOperations must be between 1 and 100"),
        ("introspection: maybe", "introspection", "graphql.introspection must be true or false, got 'maybe'"),
        ("trustedDocuments: a.json", "trustedDocuments", "graphql.trustedDocuments must be an absolute path"),
        ("trustedDocuments: /no/such", "trustedDocuments", "graphql.trustedDocuments is not accessible: /no/such"),
    ],
)
def test_unusable_setting_is_reported(tmp_path: Path, body: str, path: str, words: str) -> None:
    problem = refuse_once(tmp_path, f"{MINIMAL}graphql:\n  {{{body}}}\n")
    assert (problem.path, problem.line) == (f"graphql.{path}", 4)
    assert words in problem.message
    assert problem.fix


@pytest.mark.parametrize(
    "body", ["maxDepth: 1", "maxDepth: 100", "maxAliases: 0", "maxTokens: 10000", "maxCost: 1000000", "explorer: false"]
)
def test_ends_of_the_ranges_are_taken(tmp_path: Path, body: str) -> None:
    assert load(tmp_path, f"{MINIMAL}graphql: {{{body}}}\n").graphql != GraphQLSettings()


def test_block_is_complete_without_being_written(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL).graphql == GraphQLSettings()


def test_variables_set_it(tmp_path: Path) -> None:
    environ = {"THV_REGISTRY_GRAPHQL_MAXCOST": "7", "THV_REGISTRY_GRAPHQL_TRUSTEDDOCUMENTSONLY": "true"}
    graphql = load(tmp_path, MINIMAL, environ).graphql
    assert (graphql.max_cost, graphql.trusted_documents_only) == (7, True)
