"""ToolHive Registry Server."""

import os
from importlib.metadata import version

VERSION = version("thv-registry-api")
# An image build passes these two; a checkout does not know them.
COMMIT = os.environ.get("THV_BUILD_COMMIT", "unknown")
BUILD_DATE = os.environ.get("THV_BUILD_DATE", "unknown")
