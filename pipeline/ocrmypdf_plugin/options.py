"""The options of the engine in OCRmyPDF. Flags have the namespace before them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

ENGINE: Final = "rayscribe"
"""The value of `--ocr-engine`."""
NAMESPACE: Final = "rayscribe"
KEY: Final = "RAYSCRIBE_API_KEY"
"""The environment variable with the service's key: arguments are seen by other users."""


class PluginOptions(BaseModel):
    """How pages are read."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: str = ""
    """Address of a Rayscribe service, such as http://127.0.0.1:8000, which reads the pages; its key
    is taken from RAYSCRIBE_API_KEY. Empty: pages are read in this process."""
    timeout: Annotated[float, Field(gt=0)] = 300.0
    """Seconds that the service may take for a page, with its waiting time while it is busy."""
