"""Ready workloads on real data, one per task family, named without a colon."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """A workload that comes with rightbatch.

    Attributes:
        name: What the user types.
        task: The task family.
        module: The module whose `workload` function gives it.
        description: One line about the data and the model.
    """

    name: str
    task: str
    module: str
    description: str


ZOO = {
    entry.name: entry
    for entry in (
        ZooEntry(
            "digits",
            "image classification",
            "rightbatch.zoo.digits",
            "scikit-learn's 1,797 handwritten digits of 8×8 pixels, an MLP, to 96% accuracy",
        ),
    )
}
