"""The figures of docs/benchmarks.md as drawings."""

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["svg.hashsalt"] = "cvx"

import matplotlib.pyplot as plt  # noqa: E402


def figure(path, title, across, up, lines, log_x=False, log_y=True):
    """`lines`: by name, points (x, y); ours are drawn thick."""
    fig, axes = plt.subplots(figsize=(7, 4.5))
    for name, points in lines.items():
        points = sorted(points)
        ours = name.startswith("cvx")
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            marker="o",
            markersize=4 if ours else 3,
            linewidth=2.4 if ours else 1,
            label=name,
        )
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.grid(True, which="both", linewidth=0.3)
    axes.legend(fontsize=7)
    fig.tight_layout()
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)
