"""Pictures of runs and results: each function draws on matplotlib axes that it is given and returns them.

What moves is made by :func:`animate`, for GIFs and notebooks, and by :func:`wavefront_html` and :func:`sample_html`,
for browsers.
"""

from lava_async.extras import needs

with needs("plots", "lava_async.plots"):
    from lava_async.plots.calibration import calibration_curve
    from lava_async.plots.rasters import delivery_order, raster
    from lava_async.plots.report_page import Section, report_html
    from lava_async.plots.results import activity_histogram, latency_curve, mismatch_matrix
    from lava_async.plots.sample_page import sample_html
    from lava_async.plots.style import ORDER_COLOURS
    from lava_async.plots.wavefront_page import wavefront_html
    from lava_async.plots.wavefronts import animate, wavefront
    from lava_async.plots.waves import Spike, Wave, wave

__all__ = [
    "ORDER_COLOURS",
    "Section",
    "Spike",
    "Wave",
    "activity_histogram",
    "animate",
    "calibration_curve",
    "delivery_order",
    "latency_curve",
    "mismatch_matrix",
    "raster",
    "report_html",
    "sample_html",
    "wave",
    "wavefront",
    "wavefront_html",
]
