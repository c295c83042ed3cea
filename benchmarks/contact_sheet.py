"""What the zoo's vision models see once they reach their goals: docs/zoo.png.

    python benchmarks/contact_sheet.py

Rows: detection with true boxes (white) and those found with a score above 0.3 (red); segmentation:
scene, true classes, classes found; style transfer: photograph, painting.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.measure.probes.training import train
from rightbatch.records import TrainingProbe
from rightbatch.zoo import detection, segmentation, style_transfer

SHEET = Path(__file__).parents[1] / "docs" / "zoo.png"
SHOWN, SIDE = 10, 96
COLORS = np.array([[30, 30, 30], [230, 120, 40], [60, 150, 230]], np.uint8)


def trained(module: object) -> TorchSubject:
    """A workload trained to its goal at its own settings."""
    workload = module.workload()  # type: ignore[attr-defined]
    subject = TorchSubject(workload, workload.name, "cpu", 1, "", CpuDevice())
    size = workload.batch_size
    probe = TrainingProbe(
        subject.facts().optimizers[0].name, size, size, workload.learning_rate, seed=0,
        max_steps=10**6, max_seconds=1800.0, seconds_limit=1e6,
    )  # fmt: skip
    outcome, result = train(subject, probe, lambda _: None)
    print(workload.name, outcome.status.value, f"{result.train_seconds:.0f} s", flush=True)
    subject.model.eval()
    return subject


def picture(pixels: torch.Tensor) -> Image.Image:
    """A tensor (3, height, width) of bytes as an enlarged picture."""
    array = pixels.permute(1, 2, 0).numpy()
    return Image.fromarray(array).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def detection_row() -> list[Image.Image]:
    subject = trained(detection)
    images, boxes, kinds = (tensor[:SHOWN] for tensor in subject.workload.valid_data)
    with torch.no_grad():
        found, scores, _ = detection.detections(subject.model, images)
    scale, pictures = SIDE / 64, [picture(image) for image in images]
    for number, shown in enumerate(pictures):
        draw = ImageDraw.Draw(shown)
        for box in boxes[number][kinds[number] >= 0]:
            draw.rectangle((box * scale).tolist(), outline="white")
        for box in found[number][scores[number] > 0.3]:
            draw.rectangle((box * scale).tolist(), outline="red")
    return pictures


def segmentation_rows() -> list[list[Image.Image]]:
    subject = trained(segmentation)
    images, masks = (tensor[:SHOWN] for tensor in subject.workload.valid_data)
    with torch.no_grad():
        found = subject.model(images).argmax(1)

    def colored(classes: torch.Tensor) -> list[Image.Image]:
        colors: NDArray[np.uint8] = COLORS[classes.numpy()]
        return [picture(image) for image in torch.from_numpy(colors).permute(0, 3, 1, 2)]

    return [[picture(image) for image in images], colored(masks), colored(found)]


def style_rows() -> list[list[Image.Image]]:
    subject = trained(style_transfer)
    (images,) = (tensor[:SHOWN] for tensor in subject.workload.valid_data)
    with torch.no_grad():
        painted = (255 * subject.model(images)).byte()
    return [[picture(image) for image in images], [picture(image) for image in painted]]


def draw(rows: list[list[Image.Image]]) -> None:
    sheet = Image.new("RGB", (SHOWN * (SIDE + 4), len(rows) * (SIDE + 4)), "white")
    for row, pictures in enumerate(rows):
        for column, shown in enumerate(pictures):
            sheet.paste(shown, (column * (SIDE + 4), row * (SIDE + 4)))
    sheet.save(SHEET, optimize=True)


def main() -> None:
    draw([detection_row(), *segmentation_rows(), *style_rows()])


if __name__ == "__main__":
    main()
