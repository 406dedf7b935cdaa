"""How long lists are taken to be whose length no argument tells. Guesses from real catalogues, on the generous side."""

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
