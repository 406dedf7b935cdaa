"""The ToolHive registry format: entries by key, image servers and remote servers apart, and its way to server.json
and back.

Owns both directions and the layout of the files. Groups are ignored. Source: ToolHive v0.6.17, whose converters are
reproduced exactly, except that an entry's `name` without a slash gets the namespace that keys get.
"""

from app.sources.toolhive.backward import server_to_image, server_to_remote
from app.sources.toolhive.files import LegacyFile, read_entries, to_toolhive, to_upstream
from app.sources.toolhive.forward import image_to_server, remote_to_server

__all__ = [
    "LegacyFile",
    "image_to_server",
    "read_entries",
    "remote_to_server",
    "server_to_image",
    "server_to_remote",
    "to_toolhive",
    "to_upstream",
]
