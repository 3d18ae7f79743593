"""Makes lava-nc 0.10.0 and lava-dl 0.6.0 run on Python 3.11 to 3.14, NumPy 2 and current versions of torch.

Both packages are archived and declare Python 3.10, NumPy 1 and torch 2.3. ``import lava_async`` calls :func:`install`,
which puts a finder into ``sys.meta_path``: it changes a few modules of Lava while they are imported. Nothing of Lava is
copied, and nothing on disk is changed. `sources` and `objects` list the changes, each with its reason and place.

On Python 3.10 with NumPy 1 no behaviour is changed. Only imports that are not needed are deferred there, too: cv2 and
torchvision for the object detection of slayer, matplotlib for its pictures, and the compiler of CUDA kernels.
"""

from lava_async.compat.hook import PatchError, applied, install

__all__ = ["PatchError", "applied", "install"]
