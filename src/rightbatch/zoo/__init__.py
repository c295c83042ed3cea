"""Built-in workloads on real data, one or more per task family, named without a colon."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """A built-in workload.

    Attributes:
        name: What the user types.
        task: The task family.
        module: The module whose `workload` function returns it.
        description: Data, model and goal in one line.
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
        ZooEntry(
            "fashion-mnist",
            "image classification",
            "rightbatch.zoo.fashion_mnist",
            "60,000 garments of 28×28 pixels, a convolutional network, to 88% accuracy",
        ),
        ZooEntry(
            "detection",
            "object detection",
            "rightbatch.zoo.detection",
            "garments composed on photographs, an anchor-free network, to an mAP50 of 0.5",
        ),
        ZooEntry(
            "segmentation",
            "semantic segmentation",
            "rightbatch.zoo.segmentation",
            "garments composed on photographs, a U-Net, to a mean IoU of 0.6",
        ),
        ZooEntry(
            "style-transfer",
            "style transfer",
            "rightbatch.zoo.style_transfer",
            "photographs in the style of a tissue section, judged by VGG16, to a loss of 1.5",
        ),
        ZooEntry(
            "diamonds",
            "tabular regression",
            "rightbatch.zoo.diamonds",
            "prices of 53,940 diamonds from nine properties, an MLP, to an R² of 0.985",
        ),
        ZooEntry(
            "text-classification",
            "text classification",
            "rightbatch.zoo.text_classification",
            "10,298 passages of Jane Austen's six novels, padded, a convolution over words, to 74% "
            "accuracy",
        ),
        ZooEntry(
            "language-model",
            "language modelling",
            "rightbatch.zoo.language_model",
            "4 million characters of Jane Austen, a small transformer, to 2.4 bits per character",
        ),
    )
}
