"""Chips as data: published limits (`targets`), energies and times (`presets`), each with its source.

What is worked out from them is in :mod:`lava_async.hardware`.
"""
