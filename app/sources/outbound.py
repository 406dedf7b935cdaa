"""Where sources may be fetched from: the policy for addresses outside."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outbound:
    """`allow_private` names hosts (globs such as `*.corp.example`) and networks (`10.0.0.0/8`) that may be fetched from
    although their addresses are not public. `allow_file_repositories` lets git read repositories of the local disk.
    """

    allow_private: tuple[str, ...] = ()
    allow_file_repositories: bool = False
