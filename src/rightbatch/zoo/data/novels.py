"""Jane Austen's six novels, as the R package janeaustenr ships them."""

from rightbatch.zoo.data.sets import NOVELS

TITLES = {
    "sensesensibility": "Sense and Sensibility",
    "prideprejudice": "Pride and Prejudice",
    "mansfieldpark": "Mansfield Park",
    "emma": "Emma",
    "northangerabbey": "Northanger Abbey",
    "persuasion": "Persuasion",
}


def novel(name: str) -> str:
    """The text of a novel.

    Args:
        name: A key of `TITLES`.

    Raises:
        MissingData: The novels are not on this machine.
    """
    return (NOVELS.folder() / f"{name}.txt").read_text(encoding="utf-8")


def paragraphs(name: str) -> list[str]:
    """The paragraphs of a novel, each on one line.

    Args:
        name: A key of `TITLES`.

    Raises:
        MissingData: The novels are not on this machine.
    """
    blocks = novel(name).split("\n\n")
    return [" ".join(block.split()) for block in blocks if block.strip()]
