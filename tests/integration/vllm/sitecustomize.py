"""Two changes to the interpreters of these tests, and of every process that they start.

Python imports this file by itself when its folder is on PYTHONPATH, in Ray's workers too.

It lets PyPI's torchvision be imported beside the CPU build of torch. That torchvision is built
for CUDA: its native library cannot load, and its Python part then fails at import, because it
registers shape rules for operators that nobody has declared. Declaring the two operators just
before the import is enough; nothing here ever calls them.

With SHALLOW_TOWERS=1 in the environment, DeepSeek-OCR's two vision towers have one layer
each instead of 12 and 24. Their depth is written in vLLM's code, so no model folder can ask for
less, and on a CPU they take ten times as long as all the rest.
"""

import os
import sys
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

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


class _ShallowTowers(MetaPathFinder):
    """Finds the model's module where it is, and changes two of its names once it has run."""

    module = "vllm.model_executor.models.deepseek_ocr"

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        run = spec.loader.exec_module

        def run_and_change(module):
            run(module)
            self._change(module)

        spec.loader.exec_module = run_and_change
        return spec

    def _change(self, module):
        from vllm.model_executor.models.deepencoder import _build_sam

        clip = module.CLIPVisionConfig
        module.build_sam_vit_b = partial(_build_sam, 768, 1, 12, [])
        module.CLIPVisionConfig = lambda **sizes: clip(**{**sizes, "num_hidden_layers": 1})


sys.meta_path.insert(0, _DeclareFirst())
if os.environ.get("SHALLOW_TOWERS") == "1":
    sys.meta_path.insert(0, _ShallowTowers())
