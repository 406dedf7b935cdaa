"""How long lists are taken to be whose length no argument tells: guesses from real catalogues, on the generous side.
Which fields count as more than one value of an answer: those that take longer than a name, as measured.
"""

from __future__ import annotations

USUAL = 3
"""Of a list that is not named below."""

INTROSPECTED = 10
"""Of a list of the introspection that is not named below."""

LENGTHS = {
    "Package.environmentVariables": 5,
    "ServerExplanation.candidates": 5,
    "ServerFacets.sources": 10,
    "SyncRun.rejections": 10,
    "ToolHive.environmentVariables": 5,
    "ToolHive.toolDefinitions": 20,
    "UpdateServerStatusPayload.serverVersions": 20,
    "ValidationReport.issues": 10,
    "__Field.args": 3,
    "__Schema.directives": 8,
    "__Schema.types": 120,
    "__Type.enumValues": 5,
    "__Type.interfaces": 1,
    "__Type.possibleTypes": 3,
}
"""By `Type.field`. A list with an argument `first` is as long as that says."""

VALUES_OF_JSON = 20

VALUES = {
    "Server.icons": 5,
    "Server.repository": 5,
    "Server.websiteUrl": 5,
    "ServerVersion.icons": 5,
    "ServerVersion.packages": 5,
    "ServerVersion.remotes": 5,
    "ServerVersion.repository": 5,
    "ServerVersion.schema": 5,
    "ServerVersion.toolhive": 20,
    "ServerVersion.websiteUrl": 5,
}
"""By `Type.field`: what has a version's document parsed. Any other counts 1, and one of type JSON `VALUES_OF_JSON`."""
