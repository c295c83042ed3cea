"""One HTML file that holds the whole report and needs no network."""

import base64
from hashlib import sha256
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rightbatch.files import write_text
from rightbatch.records import Advice, Recording
from rightbatch.report.view import make_view


def write_report(recording: Recording, advice: Advice, path: Path) -> Path:
    """Write the report to one self-contained file, whole or not at all.

    Args:
        recording: The study and its trials.
        advice: Its advice.
        path: Where to write; missing folders are created.

    Returns:
        The absolute path of the file.

    Raises:
        OSError: The file cannot be written there.
    """
    page = render(recording, advice)
    write_text(path, page)
    return path.absolute()


def render(recording: Recording, advice: Advice) -> str:
    """The report as HTML text."""
    from plotly.offline import get_plotlyjs

    from rightbatch.report.figures import make_figures

    view = make_view(recording, advice)
    environment = Environment(
        loader=PackageLoader("rightbatch.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page_script = resources.files("rightbatch.report").joinpath("templates/report.js")
    scripts = (get_plotlyjs(), page_script.read_text("utf-8"))
    return environment.get_template("report.html.j2").render(
        view=view,
        figures={key: figure.to_plotly_json() for key, figure in make_figures(view).items()},
        policy=_policy(scripts),
        plotlyjs=Markup(scripts[0]),  # the dependency's own text, not a user's
        page_script=Markup(scripts[1]),  # our own file
    )


def _policy(scripts: tuple[str, ...]) -> str:
    """A content security policy under which only these scripts run and nothing is fetched."""
    digests = (base64.b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
