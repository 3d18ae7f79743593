"""Parts of configs that several tests read."""

from __future__ import annotations


def image_layers(features: int, **sizes: int) -> str:
    """Return layers of an image in TOML: a convolution, a pool, flattened, and blocks by type and neurons."""
    layers = [f'"conv"\nfeatures = {features}\nkernel_size = 3', '"pool"\nkernel_size = 2', '"flatten"']
    layers += [f'"{kind}"\nneurons = {neurons}' for kind, neurons in sizes.items()]
    return "\n".join(f"[[network.layers]]\ntype = {layer}\n" for layer in layers)
