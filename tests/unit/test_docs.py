"""What the documentation names exists, and what a table lists is complete."""

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
import typer

import rightbatch.keras
from rightbatch import errors
from rightbatch.cli.app import app
from rightbatch.decide.planners import asking as planner
from rightbatch.records import Status, parse_goal
from rightbatch.torch import Workload

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "rightbatch"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {
    name: {option for parameter in command.params for option in parameter.opts}
    for name, command in typer.main.get_command(app).commands.items()
}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def fences(text: str, language: str) -> list[str]:
    """Contents of a page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def code(text: str) -> list[str]:
    """Lines of every code block, and every inline code span."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", prose)


def rows(page: str, section: str) -> list[list[str]]:
    """Cells of the table rows of a section, without its head."""
    text = (ROOT / page).read_text()
    part = re.search(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert part is not None, f"{page} has no section {section}"
    lines = [line for line in part[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cell: str) -> str:
    return cell.strip("`")


@each_page
def test_commands_and_options_exist(page):
    for line in code(page.read_text()):
        words = line.removeprefix(".venv/bin/").split()
        options = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", line))
        if words[:1] == ["rightbatch"] and len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in COMMANDS, line
            assert options <= COMMANDS[words[1]], line
        elif line.startswith("--"):
            assert options <= set().union(*COMMANDS.values()), line


@each_page
def test_links_lead_somewhere(page):
    for link in re.findall(r"(?<!!)\[[^\]]+\]\(([^)#]+)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link


@each_page
def test_python_compiles(page):
    for block in fences(page.read_text(), "python"):
        compile(block, page.name, "exec")


@pytest.mark.parametrize(
    ("page", "workload"),
    [("docs/workloads.md", Workload), ("docs/keras.md", rightbatch.keras.Workload)],
)
def test_every_field_of_a_workload_is_told_with_its_default(page, workload):
    told = {named(row[0]): row[1] for row in rows(page, "The fields")}
    fields = {field.name: field.default for field in dataclasses.fields(workload)}
    assert list(told) == list(fields)
    for name, default in fields.items():
        expected = "" if default is dataclasses.MISSING else repr(default).replace("'", '"')
        assert named(told[name]) == expected, name


def test_every_goal_that_is_told_can_be_read():
    goals = [named(row[0]) for row in rows("docs/workloads.md", "Goals")]
    assert len(goals) == 4
    for page in PAGES:
        goals += re.findall(r'(?:goal=|--goal )"([^"]+)"', page.read_text())
    for goal in goals:
        parse_goal(goal)


def test_every_outcome_is_told():
    told = rows("docs/workloads.md", "What happens in a trial")
    assert [named(row[0]) for row in told] == [status.value for status in Status]


def test_every_exit_code_is_told():
    told = {int(row[0]) for row in rows("docs/workloads.md", "Stopping and resuming")}
    assert told == set(errors.ExitCode)


def test_the_house_is_as_drawn():
    (drawing,) = fences((ROOT / "docs/architecture.md").read_text(), "text")
    place, drawn = [SOURCE.parent], set()
    for line in drawing.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        path = "".join(line.split()[:1])
        place[depth + 1 :] = [place[depth] / path]
        drawn.add(place[depth + 1])
        assert place[depth + 1].exists(), line
    rooms = {module.parent for module in SOURCE.rglob("__init__.py")}
    assert rooms <= drawn
    assert {file for file in SOURCE.glob("*.py") if file.name != "__init__.py"} <= drawn


def test_the_newcomers_guides_are_short_and_name_what_there_is():
    text = (ROOT / "docs/architecture.md").read_text()
    section = re.search(r"^## Adding a room$(.*?)(?=^## )", text, re.M | re.S)[1]
    guides = re.split(r"^\*\*(.+)\*\*$", section, flags=re.M)[1:]
    assert guides[::2] == ["A kind of probe", "A planner", "A runner", "A framework"]
    for guide in guides[1::2]:
        assert len(guide.strip().splitlines()) <= 10
        for path in re.findall(r"`([\w/]+/[\w./]+)`", guide):
            near = SOURCE / path, SOURCE / "decide" / path, ROOT / path
            assert "NAME" in path or any(place.exists() for place in near), path


def test_every_contract_between_rooms_is_told():
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    told = {named(row[0]) for row in rows("docs/architecture.md", "Promises")}
    assert told == {c["name"] for c in configuration["tool"]["importlinter"]["contracts"]}


def test_every_dependency_is_told():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.match(r"[\w-]+", line)[0] for group in groups for line in group}
    assert {named(row[0]) for row in rows("docs/architecture.md", "Dependencies")} == names


def test_the_share_of_each_stage_is_told():
    told = {row[0].lower(): row[1] for row in rows("docs/architecture.md", "The budget")}
    for stage, share in planner._SHARES.items():
        assert told[stage] == f"{share:.0%}"
