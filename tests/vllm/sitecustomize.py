"""Lets PyPI's torchvision be imported beside the CPU build of torch. Tests only.

That torchvision is built for CUDA: its native library cannot load, and its Python part then
fails at import, because it registers shape rules for operators that nobody has declared.
Declaring the two operators just before the import is enough; nothing here ever calls them.
Python imports this file by itself when its folder is on PYTHONPATH, in Ray's workers too.
"""

import sys
from importlib.abc import MetaPathFinder

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class _DeclareFirst(MetaPathFinder):
    """Finds nothing; declares the operators when torchvision is first asked for."""

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            self._declare()

    def _declare(self):
        import torch

        if torch.version.cuda is None:
            # The library must outlive the import: its end would take the operators back.
            self.library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in _OPERATORS:
                self.library.define(operator)
            sys.modules[__name__].declared = self.library


sys.meta_path.insert(0, _DeclareFirst())
