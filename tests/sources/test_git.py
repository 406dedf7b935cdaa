"""Registry files from git repositories of the local disk: which commit, which file, and what if there is none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import SourceError
from app.sources.contents import MAX_FILE_BYTES
from app.sources.fetching import Fetched, FetchRequest
from app.sources.git import Limits, fetch_git
from app.sources.outbound import Outbound
from tests.gitserver import Repository, lend_temporary_folder, run_git
from tests.sources.samples import server

LOCAL = Outbound(allow_file_repositories=True)


def registry(*names: str) -> str:
    """A registry file with a server for each name."""
    return json.dumps({"data": {"servers": [server(name=f"com.example/{name}") for name in names]}})


def request(repository: str | Repository, state: Any = None, **block: Any) -> FetchRequest:
    address = repository.url if isinstance(repository, Repository) else repository
    return FetchRequest("git", {"git": {"repository": address, **block}}, state=state or {}, outbound=LOCAL)


def names(fetched: Fetched) -> list[str]:
    assert fetched.snapshot is not None
    return [document.name.removeprefix("com.example/") for document in fetched.snapshot.documents]


async def refusal(wish: FetchRequest, limits: Limits | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        await fetch_git(wish, limits or Limits())
    return str(caught.value)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Its default branch has the server `first`."""
    made = Repository.make(tmp_path / "repository")
    made.commit({"registry.json": registry("first"), "README.md": "read me"})
    return made


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from lend_temporary_folder(tmp_path / "temporary", monkeypatch)


async def test_default_branch_is_read(repository: Repository) -> None:
    counts: list[int] = []
    fetched = await fetch_git(replace(request(repository), report=counts.append))
    commit = repository.resolve("HEAD")
    assert names(fetched) == ["first"]
    assert fetched.revision == commit
    assert counts == [1]
    assert fetched.state == {
        "repository": repository.url,
        "ref": "HEAD",
        "path": "registry.json",
        "commit": commit,
        "digest": hashlib.sha256(registry("first").encode()).hexdigest(),
    }


async def test_format_is_passed_on(repository: Repository) -> None:
    wish = request(repository)
    wish = replace(wish, config={**wish.config, "format": "toolhive"})
    assert "format: toolhive is configured" in await refusal(wish)


async def test_branch_with_slashes_is_read(repository: Repository) -> None:
    repository.run("checkout", "-q", "-b", "team/a/next")
    commit = repository.commit({"registry.json": registry("second")})
    repository.run("checkout", "-q", "main")
    fetched = await fetch_git(request(repository, branch="team/a/next"))
    assert (names(fetched), fetched.revision) == (["second"], commit)
    assert fetched.state["ref"] == "refs/heads/team/a/next"


@pytest.mark.parametrize("options", [[], ["-a", "-m", "release"]], ids=["lightweight", "annotated"])
async def test_tag_is_read(repository: Repository, options: list[str]) -> None:
    tagged = repository.resolve("HEAD")
    repository.run("tag", *options, "v1")
    repository.commit({"registry.json": registry("second")})
    fetched = await fetch_git(request(repository, tag="v1"))
    assert (names(fetched), fetched.revision) == (["first"], tagged)
    assert (await fetch_git(request(repository, fetched.state, tag="v1"))).snapshot is None


async def test_tag_of_a_tag_is_read(repository: Repository) -> None:
    repository.run("tag", "-a", "-m", "inner", "inner")
    repository.run("tag", "-a", "-m", "outer", "outer", "inner")
    assert (await fetch_git(request(repository, tag="outer"))).revision == repository.resolve("HEAD")


async def test_branch_and_tag_of_one_name_are_told_apart(repository: Repository) -> None:
    repository.run("tag", "-a", "-m", "tag", "same")
    repository.run("checkout", "-q", "-b", "same")
    repository.commit({"registry.json": registry("second")})
    assert names(await fetch_git(request(repository, tag="same"))) == ["first"]
    assert names(await fetch_git(request(repository, branch="same"))) == ["second"]


async def test_tag_of_a_file_is_refused(repository: Repository) -> None:
    repository.run("tag", "blob", "HEAD:README.md")
    assert "tag blob" in (text := await refusal(request(repository, tag="blob")))
    assert "does not point to a commit" in text


@pytest.mark.parametrize("digits", [40, 12, 7])
async def test_commit_is_read(repository: Repository, digits: int) -> None:
    old = repository.resolve("HEAD")
    repository.commit({"registry.json": registry("second")})
    fetched = await fetch_git(request(repository, commit=old[:digits].upper()))
    assert (names(fetched), fetched.revision) == (["first"], old)
    assert fetched.state["ref"] == old[:digits]


async def test_short_commit_is_found_on_another_branch_whose_name_looks_alike(repository: Repository) -> None:
    repository.run("checkout", "-q", "-b", "side")
    commit = repository.commit({"registry.json": registry("second")})
    repository.run("checkout", "-q", "main")
    repository.run("branch", commit[:8])  # the name of a branch must not win over the hash
    repository.run("tag", commit[:6])
    for digits in (8, 6):
        fetched = await fetch_git(request(repository, commit=commit[:digits]))
        assert (names(fetched), fetched.revision) == (["second"], commit)


async def test_ambiguous_short_commit_is_refused(repository: Repository) -> None:
    seen: dict[str, str] = {}
    for number in range(1500):  # two of so many commits all but certainly share their first four digits
        words = ["commit-tree", "-p", "HEAD", "-m", str(number), "HEAD^{tree}"]
        commit = repository.run(*words)
        if twin := seen.get(commit[:4]):
            break
        seen[commit[:4]] = commit
    repository.run("branch", "one", twin or "")
    repository.run("branch", "two", commit)
    text = await refusal(request(repository, commit=commit[:4]))
    assert f"git.commit {commit[:4]} is ambiguous" in text
    assert "write more digits" in text


@pytest.mark.parametrize("commit", ["0" * 40, "00000000"])
async def test_unknown_commit_is_refused(repository: Repository, commit: str) -> None:
    text = await refusal(request(repository, commit=commit))
    assert text.startswith(f"{repository.url} has no commit {commit} on any branch or tag")


@pytest.mark.parametrize("commit", ["abc", "xyz0", "a" * 65, "HEAD~1"])
async def test_what_is_no_hash_is_refused(repository: Repository, commit: str) -> None:
    assert "git.commit must be at least 4 hexadecimal digits" in await refusal(request(repository, commit=commit))


async def test_sha256_repository_is_read(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "sha256", "--object-format=sha256")
    commit = repository.commit({"registry.json": registry("first")})
    assert len(commit) == 64
    for block in ({}, {"commit": commit}, {"commit": commit[:10]}):
        assert (await fetch_git(request(repository, **block))).revision == commit


async def test_missing_branch_names_those_like_it(repository: Repository) -> None:
    for name in ("production", "staging"):
        repository.run("branch", name)
    text = await refusal(request(repository, branch="prodution"))
    assert text == f"{repository.url} has no branch 'prodution': there is production, main, staging"


async def test_tag_taken_for_a_branch_is_pointed_out(repository: Repository) -> None:
    repository.run("tag", "v1")
    assert "but a tag of that name: set git.tag instead" in await refusal(request(repository, branch="v1"))
    assert "but a branch of that name: set git.branch instead" in await refusal(request(repository, tag="main"))


async def test_tag_missing_where_there_are_none(repository: Repository) -> None:
    assert "and no other one; set git.branch: there is main" in await refusal(request(repository, tag="v1"))


async def test_branch_missing_where_there_are_none(repository: Repository) -> None:
    repository.run("tag", "v1")
    repository.run("checkout", "-q", "--detach")
    repository.run("branch", "-q", "-D", "main")
    repository.run("symbolic-ref", "HEAD", "refs/heads/main")
    text = await refusal(request(repository))
    assert text == f"{repository.url} has no default branch, and no other one; set git.tag: there is v1"


async def test_empty_repository_is_refused(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "empty")
    for block in ({}, {"branch": "main"}):
        assert "is empty: it has no branches" in await refusal(request(repository, **block))


async def test_head_without_a_branch_is_refused(repository: Repository) -> None:
    repository.run("symbolic-ref", "HEAD", "refs/heads/gone")
    assert "has no default branch; set git.branch: there is main" in await refusal(request(repository))


@pytest.mark.parametrize("name", ["-x", "a..b", "a b", "a:b", "main*", "a\x00b", "/a", "a/", "x" * 2000])
async def test_impossible_ref_names_are_refused(repository: Repository, name: str) -> None:
    assert "git.branch is no valid name of a branch" in await refusal(request(repository, branch=name))


async def test_several_refs_are_refused(repository: Repository) -> None:
    text = await refusal(request(repository, branch="main", tag="v1"))
    assert text == "only one of git.branch, git.tag and git.commit may be set; remove the others"


async def test_deep_path_is_read(repository: Repository) -> None:
    repository.commit({"catalog/höhe a/[x]*.json": registry("deep"), "catalog/höhe a/xx.json": registry("other")})
    fetched = await fetch_git(request(repository, path="./catalog//höhe a/[x]*.json"))
    assert names(fetched) == ["deep"]
    assert fetched.state["path"] == "catalog/höhe a/[x]*.json"


async def test_path_with_magic_letters_is_taken_literally(repository: Repository) -> None:
    repository.commit({":(glob)*.json": registry("odd"), ":": registry("colon")})
    assert names(await fetch_git(request(repository, path=":(glob)*.json"))) == ["odd"]
    assert names(await fetch_git(request(repository, path=":"))) == ["colon"]


async def test_missing_file_names_path_commit_and_neighbours(repository: Repository) -> None:
    commit = repository.commit({"data/registry.yaml": "", "data/registry-2.json": "{}", "data/a.txt": ""})
    place = f"at commit {commit} of {repository.url}"
    text = await refusal(request(repository, path="registri.json"))
    assert text == f"registri.json does not exist {place}; at its top there is registry.json, README.md, data/"
    text = await refusal(request(repository, path="data/registry.json"))
    assert text.startswith(f"data/registry.json does not exist {place}; in data there is registry")
    assert "registry-2.json" in text
    text = await refusal(request(repository, path="README.md/registry.json"))
    assert text == f"README.md/registry.json does not exist {place}: README.md is a file"


async def test_directory_is_refused(repository: Repository) -> None:
    repository.commit({"data/mcp.json": registry("deep")})
    text = await refusal(request(repository, path="data/"))
    assert "is a directory; git.path must name a file, and in it there is mcp.json" in text


async def test_symbolic_link_is_refused(repository: Repository) -> None:
    (repository.path / "link.json").symlink_to("registry.json")
    (repository.path / "folder").symlink_to("data")
    repository.commit({"data/mcp.json": registry("deep")})
    text = await refusal(request(repository, path="link.json"))
    assert "is a symbolic link to registry.json; name the file it leads to" in text
    text = await refusal(request(repository, path="folder/mcp.json"))
    assert text.endswith(": folder is a symbolic link to data; name the file it leads to")


async def test_submodule_is_refused(repository: Repository) -> None:
    commit = repository.resolve("HEAD")
    repository.run("update-index", "--add", "--cacheinfo", f"160000,{commit},vendor")
    repository.run("commit", "-q", "-m", "submodule")
    assert "vendor at commit" in (text := await refusal(request(repository, path="vendor")))
    assert "is a submodule, another repository" in text
    assert "vendor is a submodule" in await refusal(request(repository, path="vendor/registry.json"))


async def test_lfs_pointer_is_refused(repository: Repository) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    repository.commit({"registry.json": pointer})
    assert (await refusal(request(repository))).endswith("is a Git LFS pointer; store the file itself")


async def test_filters_and_hooks_of_a_repository_never_run(repository: Repository, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    run_git(repository.path, "config", "filter.trap.smudge", f"touch {trap}")
    hook = repository.path / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {trap}\n")
    hook.chmod(0o755)
    repository.commit({".gitattributes": "*.json filter=trap\n"})
    assert names(await fetch_git(request(repository))) == ["first"]
    assert not trap.exists()


async def test_file_that_is_too_large_is_refused_before_it_is_read(repository: Repository) -> None:
    repository.commit({"registry.json": b" " * (MAX_FILE_BYTES + 1)})
    text = await refusal(request(repository))
    assert text.endswith(f"has {MAX_FILE_BYTES + 1} bytes, more than the 100 MiB that are read")


async def test_large_file_is_read_whole(repository: Repository) -> None:
    data = registry("large") + " " * (20 << 20)  # more than git holds in memory
    repository.commit({"registry.json": data})
    fetched = await fetch_git(request(repository))
    assert fetched.state["digest"] == hashlib.sha256(data.encode()).hexdigest()


async def test_repository_that_fills_the_disk_is_refused(repository: Repository) -> None:
    repository.commit({"noise.json": os.urandom(3 << 20)})
    limits = Limits(folder_bytes=1 << 20)
    assert "takes more than 1 MiB" in await refusal(request(repository, path="noise.json"), limits)
    assert names(await fetch_git(request(repository), limits)) == ["first"]


async def test_files_not_asked_for_are_not_fetched(repository: Repository) -> None:
    repository.commit({"noise.bin": os.urandom(3 << 20)})
    repository.commit({"registry.json": registry("first", "second")})
    commit = repository.resolve("HEAD")
    limits = Limits(folder_bytes=1 << 20)
    for block in ({}, {"commit": commit}, {"commit": commit[:9]}):
        assert names(await fetch_git(request(repository, **block), limits)) == ["first", "second"]


async def test_unchanged_commit_is_told_without_a_snapshot(repository: Repository) -> None:
    first = await fetch_git(request(repository))
    again = await fetch_git(request(repository, first.state))
    assert again == Fetched(None, first.revision, first.state)


async def test_applied_commit_needs_no_repository(repository: Repository) -> None:
    commit = repository.resolve("HEAD")
    for wish in (commit, commit[:7]):
        first = await fetch_git(request(repository, commit=wish))
        shutil.move(repository.path, f"{repository.path}-away")
        again = await fetch_git(request(repository, first.state, commit=wish))
        assert again == Fetched(None, commit, first.state)
        shutil.move(f"{repository.path}-away", repository.path)


async def test_new_commit_with_the_same_file_is_no_change(repository: Repository) -> None:
    first = await fetch_git(request(repository))
    commit = repository.commit({"README.md": "read me again"})
    again = await fetch_git(request(repository, first.state))
    assert again == Fetched(None, commit, {**first.state, "commit": commit})


@pytest.mark.parametrize("change", [{"path": "other.json"}, {"branch": "main"}, {"repository": ""}])
async def test_state_of_another_place_does_not_count(repository: Repository, change: dict[str, str]) -> None:
    repository.commit({"other.json": registry("other")})
    first = await fetch_git(request(repository))
    change = {"repository": str(repository.path)} if "repository" in change else change
    block = {"repository": repository.url, **change}
    again = await fetch_git(FetchRequest("git", {"git": block}, state={**first.state, "digest": ""}, outbound=LOCAL))
    assert names(again) == (["other"] if "path" in change else ["first"])


async def test_local_paths_are_read(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = repository.path.rename(repository.path.parent / "odd %20 name")
    monkeypatch.chdir(odd.parent)
    monkeypatch.setenv("HOME", str(odd.parent))
    for address in (str(odd), f"./{odd.name}", f"~/{odd.name}", f"{odd}/.git", f"../{odd.parent.name}/{odd.name}"):
        assert names(await fetch_git(request(address))) == ["first"]


async def test_local_paths_need_permission(repository: Repository) -> None:
    for address in (repository.url, str(repository.path), "~/x", "./x"):
        wish = request(address)
        closed = await refusal(replace(wish, outbound=Outbound()))
        assert "set outbound.allowFileRepositories: true" in closed
        foreign = await refusal(replace(wish, trusted=False))
        assert "only sources of the configuration file may" in foreign
        assert "outbound.allowFileRepositories" in foreign


async def test_path_without_a_repository_is_refused(tmp_path: Path) -> None:
    text = await refusal(request(f"file://{tmp_path}/none"))
    assert text.startswith(f"file://{tmp_path}/none: there is no git repository; check git.repository (git: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
async def test_repository_of_another_user_is_read(repository: Repository) -> None:
    for path in [repository.path, *repository.path.rglob("*")]:
        os.lchown(path, 54321, 54321)
    assert names(await fetch_git(request(repository))) == ["first"]
