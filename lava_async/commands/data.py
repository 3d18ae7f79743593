"""``lava-async data``: which data sets are there, build them, look at them."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lava_async.commands.base import Command, Report, output, table, whole
from lava_async.commands.inputs import add_data_help, option
from lava_async.data import SPLITS, registry
from lava_async.errors import InvalidValue

if TYPE_CHECKING:
    import numpy as np

    from lava_async.data import SpikeDataset

ACTIONS = ("list", "build", "show", "encoders", "example")
#: Size of the raster in characters, and what they stand for, from no spikes to many.
ROWS, SHADES = 20, " .:+#"


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help=f"build, show: one of {', '.join(registry.DATA)}; or your own (--data-help); example: the folder to write",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="FOLDER", help="where the files of the data are (default: $LAVA_ASYNC_DATA)"
    )
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="folder of the cache")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=option,
        metavar="KEY=VALUE",
        help="build, show: an option of the data set, such as window_ms=10; repeatable",
    )
    parser.add_argument(
        "--download",
        type=Path,
        metavar="FOLDER",
        help="build: fetch it into this folder first (needs the extra datasets)",
    )
    parser.add_argument("--split", choices=SPLITS, default="test", help="show: part of the data (default: %(default)s)")
    add_data_help(parser)
    parser.add_argument("--sample", type=whole(0), default=0, metavar="N", help="show: this sample (default: 0)")
    parser.add_argument(
        "--out",
        type=output(".png", ".pdf", ".svg", ".jpg"),
        metavar="FILE.png",
        help="show, encoders: where to draw the picture (.png, .pdf, .svg or .jpg)",
    )


def _run(args: Namespace) -> Report:
    if args.action in ("build", "show") and args.name is None:
        raise InvalidValue(f"data {args.action}: NAME", None, "one of " + ", ".join(registry.names()))
    if args.action == "example" and args.name is None:
        raise InvalidValue("data example: FOLDER", None, "given: where to write the example")
    if args.action == "encoders" and args.out is None:
        raise InvalidValue("data encoders: --out", None, "given: the file of the picture")
    actions = {"list": _list, "build": _build, "show": _show, "encoders": _encoders, "example": _example}
    return actions[args.action](args)


# ---------------------------------------------------------------------------------------------- list


def _list(args: Namespace) -> Report:
    from lava_async.data.cache import cache_folder
    from lava_async.data.paths import DATA_VARIABLE, SOURCES, candidates, find_files

    cache, data = cache_folder(args.cache), []
    for name in registry.DATA:
        if name == "events":  # A user's own.
            continue
        about = (registry.loader(name).__doc__ or "").partition("\n")[0].removeprefix("Return ").rstrip(".")
        about = about.replace("``", "")  # No markup.
        entry: dict[str, Any] = {"name": name, "about": about, "there": True, "missing": None, "folder": None}
        if name in SOURCES:
            try:
                entry["folder"] = str(find_files(name, SOURCES[name].files, args.folder)[0].parent)
            except InvalidValue as error:
                entry |= {"there": False, "missing": str(error)}
        entry["looked_in"] = (
            [str(p) for p in candidates([name, *SOURCES[name].names], args.folder)] if name in SOURCES else []
        )
        entry["cached"] = sum(p.stat().st_size for p in cache.glob(f"{name}-*.npz"))
        data.append(entry)
    rows = [["data set", "files", "in the cache"]]
    for entry in data:
        where = entry["folder"] or ("come with the package" if entry["there"] else "missing")
        rows.append([entry["name"], where, f"{entry['cached'] / 1e6:.0f} MB" if entry["cached"] else "-"])
    lines = [table(rows), "", f"Files are looked for in --folder or ${DATA_VARIABLE}. Cache: {cache}"]
    lines += [entry["missing"] for entry in data if entry["missing"]]
    lines.append("Your own data: lava-async data --data-help")
    return Report("\n".join(lines), {"cache": str(cache), "data": data}, data)


# ---------------------------------------------------------------------------------------------- build, show


def _load(args: Namespace, split: str) -> SpikeDataset:
    """Return a split, with a progress bar if it has to be built."""
    from lava_async.progress import ProgressBar

    options, taken = dict(args.option), registry.options(args.name)
    given = {"folder": args.folder, "cache": args.cache}
    options |= {key: value for key, value in given.items() if value is not None and key in taken}
    bar: ProgressBar | None = None

    def progress(done: int, of: int) -> None:
        nonlocal bar
        if bar is None or done <= bar.n:  # The next file.
            if bar is not None:
                bar.close()
            bar = ProgressBar(total=of, desc=f"read {args.name}, {split} samples", leave=False)
        bar.update(done - bar.n)

    try:
        return registry.load(args.name, split, progress=progress, **options)
    finally:
        if bar is not None:
            bar.close()


def _build(args: Namespace) -> Report:
    if args.download is not None:
        from lava_async.data.download import download

        args.folder = download(args.name, args.download)
    from lava_async.data.files import EmptySplit

    empty: list[str] = []
    rows, data = [["split", *_HEADS, "seconds"]], {}
    for split in SPLITS:
        started = time.perf_counter()
        try:
            found = _load(args, split)
        except EmptySplit as error:
            empty.append(str(error))
            continue
        seconds = time.perf_counter() - started
        data[split] = {**_facts(found), "seconds": seconds}
        rows.append([split, *_cells(data[split]), f"{seconds:.1f}"])
    return Report(
        "\n".join([f"{args.name}:", table(rows), *empty]),
        {"name": args.name, "splits": data},
        [{"split": split, **facts} for split, facts in data.items()],
    )


_HEADS = ["samples", "channels", "time steps", "events per sample", "density"]


def _facts(data: SpikeDataset) -> dict[str, Any]:
    """Return the sizes of a data set; density is the share of channels and time steps that spike."""
    import numpy as np

    events = data.events
    per_sample = events.start[:, -1] - events.start[:, 0]
    return {
        "samples": len(data),
        "channels": data.n_channels,
        "shape": list(data.shape),
        "time_steps": data.n_steps,
        "classes": data.n_classes,
        "samples_per_class": np.bincount(data.labels, minlength=data.n_classes).tolist(),
        "events_per_sample": float(per_sample.mean()) if len(data) else 0.0,
        "events_least": int(per_sample.min(initial=2**62)) if len(data) else 0,
        "events_most": int(per_sample.max(initial=0)),
        "largest_count": int(events.count.max(initial=0)),
        "density": len(events.channel) / max(int(np.prod(events.shape)), 1),
    }


def _cells(facts: dict[str, Any]) -> list[str]:
    numbers = [f"{facts[name]:,}" for name in ("samples", "channels", "time_steps")]
    return [*numbers, f"{facts['events_per_sample']:,.0f}", f"{facts['density']:.2%}"]


def _show(args: Namespace) -> Report:
    data = _load(args, args.split)
    if args.sample >= len(data):
        raise InvalidValue("data show: --sample", args.sample, f"less than {len(data)}, the samples of {data.name}")
    facts, train = _facts(data), data.events[args.sample]
    counts, label = facts["samples_per_class"], int(data.labels[args.sample])
    lines = [
        f"{data.name}: {' x '.join(map(str, data.shape))} channels (polarity x height x width)",
        table([_HEADS, _cells(facts)]),
        f"Events per sample: {facts['events_least']:,} .. {facts['events_most']:,}; "
        f"largest count: {facts['largest_count']}",
        f"{facts['classes']} classes of {min(counts)} .. {max(counts)} samples: {' '.join(map(str, counts))}",
        "",
        f"Sample {args.sample}, class {label}; channels upwards, time steps to the right:",
        _characters(train.to_dense()),
    ]
    if args.out is not None:
        _draw_sample(args, data, label)
        lines.append(f"Drawn to {args.out}")
    shown = {"name": data.name, **facts, "sample": args.sample, "label": label}
    return Report("\n".join(lines), shown, [shown])


def _characters(dense: np.ndarray[Any, Any]) -> str:
    """Return a raster of letters: rows are runs of channels, columns time steps."""
    import numpy as np

    rows = np.array_split(dense, min(ROWS, len(dense)))
    density = np.array([(row > 0).mean(axis=0) for row in rows])
    shade = np.ceil(density / max(density.max(), 1e-9) * (len(SHADES) - 1)).astype(int)
    return "\n".join("|" + "".join(SHADES[s] for s in row) + "|" for row in shade[::-1])


def _draw_sample(args: Namespace, data: SpikeDataset, label: int) -> None:
    import numpy as np

    from lava_async.data import pictures

    train, camera = data.events[args.sample], data.shape[1] > 1
    n = min(5, data.n_steps)
    figure = _figure((9.0, 6.0 if camera else 4.0))
    grid = figure.add_gridspec(2 if camera else 1, n, height_ratios=[3, 1.4] if camera else [1])
    axes = pictures.raster(figure.add_subplot(grid[0, :]), train, data.shape, size=4.0)
    axes.set_title(f"{data.name}, sample {args.sample}, class {label}")
    if camera:
        panels = [figure.add_subplot(grid[1, k]) for k in range(n)]
        pictures.frames(panels, train, data.shape, np.linspace(0, data.n_steps - 1, n).astype(int).tolist())
        if data.shape[0] == 2:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _save(figure, args.out)


def _encoders(args: Namespace) -> Report:
    from sklearn.datasets import load_digits

    from lava_async.data.pictures import draw_encoders

    figure = _figure((10.0, 6.4))
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    panels = figure.subplot_mosaic([["image", "rate", "latency"], ["delta", "delta", "saccade"]])
    shown = [panels[name] for name in ("image", "rate", "latency", "delta", "saccade")]
    draw_encoders(shown, load_digits().images[0] / 16.0)
    _save(figure, args.out)
    return Report(f"Drawn to {args.out}", {"file": str(args.out)}, [{"file": str(args.out)}])


def _example(args: Namespace) -> Report:
    from lava_async.data.example import write_example

    files = write_example(args.name)
    lines = [
        f"Written to {args.name}: {len(files)} files. Then:",
        f"  lava-async data show {args.name}",
        f"  lava-async train {args.name}/train.toml",
    ]
    return Report(
        "\n".join(lines),
        {"folder": args.name, "files": [str(file) for file in files]},
        [{"file": str(file)} for file in files],
    )


def _figure(inches: tuple[float, float]) -> Any:
    """Return a figure that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    from lava_async.plots.style import save_figure

    save_figure(figure, path, dpi=80)


COMMAND = Command(
    "data",
    "list, build and look at data sets",
    "List the data sets and where their files are looked for; build one (read or encode it once, into the cache);\n"
    "show sizes, class balance and a sample of one; plot the encoders.",
    "  lava-async data list\n"
    "  lava-async data build mnist --folder data\n"
    "  lava-async data build nmnist --download data          fetch it first\n"
    "  lava-async data show shd --option window_ms=10 --sample 3 --out shd.png\n"
    "  lava-async data encoders --out encoders.png\n"
    "  lava-async data example mine                          a small folder of your own data",
    _arguments,
    _run,
    rows="a row per data set or split",
)
