"""Metrics that torchmetrics offers only with torchvision."""

import contextlib
import io

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def mean_average_precision(
    boxes: torch.Tensor,
    kinds: torch.Tensor,
    found: torch.Tensor,
    scores: torch.Tensor,
    found_kinds: torch.Tensor,
) -> float:
    """Mean average precision at an intersection over union of 0.5, by COCO's own evaluation.

    The mean over kinds of the precision at 101 levels of recall (Lin et al. 2014).

    Args:
        boxes: True boxes (images, places, 4): left, top, right and bottom.
        kinds: Their kinds (images, places); -1 where there is none.
        found: Boxes found (images, most, 4).
        scores: How sure each is (images, most).
        found_kinds: Their kinds (images, most).

    Returns:
        The mean, 0 to 1.
    """
    there = (kinds >= 0).nonzero().tolist()
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": image} for image in range(len(boxes))],
        "categories": [{"id": kind} for kind in sorted(set(kinds[kinds >= 0].tolist()))],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": int(kinds[image, place]),
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            for number, (image, place) in enumerate(there, start=1)
            for box in [_with_sizes(boxes[image, place]).tolist()]
        ],
    }
    image_numbers = torch.arange(len(found)).unsqueeze(1).expand(scores.shape)
    rows = torch.cat(
        [
            image_numbers.unsqueeze(2),
            _with_sizes(found),
            scores.unsqueeze(2),
            found_kinds.unsqueeze(2),
        ],
        dim=2,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints every stage
        truth.createIndex()
        results = truth.loadRes(rows.flatten(0, 1).double().cpu().numpy())
        evaluation = COCOeval(truth, results, "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [found.shape[1]]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]
    return float(precision[precision >= 0].mean())


def _with_sizes(boxes: torch.Tensor) -> torch.Tensor:
    """Boxes as left, top, width and height."""
    return torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], dim=-1)
