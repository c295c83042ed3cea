"""Every built-in workload: real data, a model that learns, a metric that is right."""

import math
from itertools import islice

import pytest
import torch
from torch import nn
from zoo_subject import module, subject

import needs
from rightbatch.zoo import ZOO
from rightbatch.zoo.data.photographs import tissue
from rightbatch.zoo.data.scenes import scenes
from rightbatch.zoo.data.sets import FASHION_MNIST
from rightbatch.zoo.metrics import mean_average_precision

each_workload = pytest.mark.parametrize("name", ZOO)


@each_workload
def test_it_is_what_its_entry_says(name):
    facts = subject(name).facts()
    assert facts.title == name
    assert facts.valid_examples >= 16
    assert facts.train_examples > facts.valid_examples
    assert facts.batch_size < facts.train_examples


@each_workload
def test_its_loss_falls_in_a_few_steps_on_one_batch(name):
    alive = subject(name)
    alive.start(alive.facts().optimizers[0].name, None, seed=0)
    (batch,) = islice(alive.batches(8, seed=0), 1)
    losses = [float(alive.step(batch, 8)) for _ in range(8)]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 0.95 * losses[0]


@each_workload
def test_accumulated_micro_batches_give_the_same_loss(name):
    alive = subject(name)
    alive.start(alive.facts().optimizers[0].name, None, seed=0)
    (batch,) = islice(alive.batches(8, seed=0), 1)
    alive.model.eval()  # without dropout and statistics of a batch
    whole = alive.workload.loss(alive.model, batch).detach()
    halves = [
        alive.workload.loss(alive.model, tuple(t[part] for t in batch))
        for part in (slice(0, 4), slice(4, 8))
    ]
    torch.testing.assert_close(whole, sum(halves).detach() / 2, rtol=1e-4, atol=0.0)


@each_workload
def test_the_metric_is_not_at_its_goal_before_training(name):
    alive = subject(name)
    alive.start(alive.facts().optimizers[0].name, None, seed=0)
    value = alive.evaluate_on(alive.valid_batches()[:1])
    assert math.isfinite(value)
    assert not alive.goal.reached_by(value)


class Always(nn.Module):
    """A model that always answers the same."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, inputs):
        return self.answer


def test_digits_accuracy_is_the_share_that_is_right():
    logits = torch.eye(10)[[1, 2, 3, 4]]
    batches = [(torch.zeros(4, 64), torch.tensor([1, 2, 3, 9]))]
    assert module("digits").accuracy(Always(logits), batches) == 0.75


@pytest.mark.parametrize(("name", "kinds"), [("fashion-mnist", 10), ("text-classification", 6)])
def test_accuracy_is_the_share_of_all_examples_that_is_right(name, kinds):
    metric = subject(name).workload.metric
    metric.reset()
    metric.update(torch.eye(kinds)[[0, 0, 0, 1]], torch.tensor([0, 0, 0, 2]))
    assert float(metric.compute()) == 0.75


def test_diamonds_metric_is_the_share_of_variance_explained():
    metric = subject("diamonds").workload.metric
    metric.reset()
    targets = torch.tensor([1.0, 2.0, 3.0, 4.0])
    metric.update(torch.tensor([1.0, 2.0, 3.0, 5.0]), targets)
    assert float(metric.compute()) == pytest.approx(1 - 1 / 5)


def test_diamonds_are_standardised_by_what_is_trained_on():
    inputs, targets = subject("diamonds").workload.train_data
    assert inputs.shape == (48_940, 9)
    assert inputs.mean(0).abs().max() < 1e-3
    assert inputs.std(0).sub(1).abs().max() < 1e-3
    assert targets.mean().abs() < 1e-3
    carat, price = inputs[:, 0], targets
    assert torch.corrcoef(torch.stack([carat, price]))[0, 1] > 0.9


def test_equal_chances_for_all_characters_are_the_logarithm_of_their_number_in_bits():
    windows = torch.zeros(3, 65, dtype=torch.uint8)
    bits = module("language-model").bits_per_character(Always(torch.zeros(3, 64, 16)), [(windows,)])
    assert bits == pytest.approx(4.0)


def test_windows_cover_the_text_and_share_one_character():
    text = "".join(chr(ord("a") + place % 26) for place in range(3 * 64 + 1))
    alphabet = "".join(sorted(set(text)))
    windows = module("language-model").windows(text, alphabet)
    assert windows.shape == (3, 65)
    read = "".join(alphabet[code] for code in [*windows[0], *windows[1, 1:], *windows[2, 1:]])
    assert read == text


def test_passages_are_padded_to_the_longest_of_their_batch():
    collate = module("text-classification").collate
    tokens, novels = collate([(torch.tensor([5, 6]), 3), (torch.tensor([7, 8, 9, 2]), 1)])
    assert tokens.tolist() == [[5, 6, 0, 0], [7, 8, 9, 2]]
    assert novels.tolist() == [3, 1]


def test_padding_changes_no_answer():
    alive = subject("text-classification")
    alive.start("adamw", None, seed=0)
    alive.model.eval()
    passage = torch.tensor([[5, 6, 7]])
    padded = torch.tensor([[5, 6, 7, 0, 0, 0]])
    torch.testing.assert_close(alive.model(passage), alive.model(padded))


def test_passages_differ_in_length_and_the_longest_is_known():
    alive = subject("text-classification")
    (batch,) = islice(alive.hard_batches(4, longest=1), 1)
    assert batch[0].shape == (4, 128)
    widths = {batch[0].shape[1] for batch in islice(alive.batches(4, seed=0), 8)}
    assert len(widths) > 2
    assert max(widths) <= 128
    lengths = alive.workload.length
    assert len(lengths) == alive.train_examples
    assert [len(alive.workload.train_data[place][0]) for place in (0, 100)] == [
        lengths[0],
        lengths[100],
    ]


def found_boxes(*rows):
    """Boxes found in one image, as (box, score, kind)."""
    boxes, scores, kinds = zip(*rows, strict=True)
    return (
        torch.tensor([boxes], dtype=torch.float32),
        torch.tensor([scores]),
        torch.tensor([kinds]),
    )


BOXES = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 40.0, 40.0], [0.0, 0.0, 0.0, 0.0]]])
KINDS = torch.tensor([[0, 3, -1]])


def test_mean_average_precision_is_one_where_every_box_is_found_and_nothing_else_comes_first():
    found = found_boxes(
        ([0, 0, 10, 10], 0.9, 0), ([21, 20, 40, 40], 0.8, 3), ([50, 50, 60, 60], 0.1, 3)
    )
    assert mean_average_precision(BOXES, KINDS, *found) == pytest.approx(1.0)


def test_mean_average_precision_halves_where_one_of_two_kinds_is_missed():
    right = found_boxes(([0, 0, 10, 10], 0.9, 0), ([20, 20, 40, 40], 0.8, 1))
    assert mean_average_precision(BOXES, KINDS, *right) == pytest.approx(0.5)
    shifted = found_boxes(([0, 0, 10, 10], 0.9, 0), ([32, 20, 52, 40], 0.8, 3))
    assert mean_average_precision(BOXES, KINDS, *shifted) == pytest.approx(0.5)


def test_a_wrong_box_that_comes_first_halves_the_precision_of_its_kind():
    found = found_boxes(
        ([50, 50, 60, 60], 0.9, 0), ([0, 0, 10, 10], 0.8, 0), ([20, 20, 40, 40], 0.7, 3)
    )
    assert mean_average_precision(BOXES, KINDS, *found) == pytest.approx((0.5 + 1.0) / 2)


def test_a_network_that_answers_the_true_heat_map_finds_every_box():
    detection = module("detection")
    images, boxes, kinds = (t[:50] for t in subject("detection").workload.valid_data)
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2 / detection.STRIDE
    sizes = (boxes[..., 2:] - boxes[..., :2]) / detection.STRIDE
    heat = detection.heat_map(centres.floor(), sizes, kinds, torch.Size([50, 5, 16, 16]))
    regions = torch.zeros(50, 4, 16, 16)
    for image, place in (kinds >= 0).nonzero().tolist():
        column, row = centres[image, place].long().tolist()
        offset = centres[image, place] - centres[image, place].floor()
        regions[image, :, row, column] = torch.cat([offset, sizes[image, place]])
    answer = (torch.logit(heat, eps=1e-6), regions)
    assert detection.map50(Always(answer), [(images, boxes, kinds)]) > 0.97
    assert float(detection.loss(Always(answer), (images, boxes, kinds))) < 0.05


def test_scenes_are_the_same_again_and_their_boxes_hold_their_masks():
    needs.data(FASHION_MNIST)
    train, valid = scenes(train=40, valid=10)
    again, _ = scenes(train=40, valid=10)
    assert torch.equal(train.images, again.images)
    assert not torch.equal(train.images[:10], valid.images)
    for number in range(40):
        covered = torch.zeros(64, 64, dtype=torch.bool)
        kinds = train.kinds[number]
        for box, kind in zip(train.boxes[number].int().tolist(), kinds.tolist(), strict=True):
            if kind >= 0:
                covered[box[1] : box[3], box[0] : box[2]] = True
        mask = train.masks[number]
        assert kinds[0] >= 0
        assert bool((mask > 0)[~covered].sum() == 0)
        assert set(mask.unique().tolist()) - {0} <= {kind + 1 for kind in kinds.tolist()}


def test_mean_iou_of_half_right_pixels_by_hand():
    metric = subject("segmentation").workload.metric
    metric.reset()
    target = torch.zeros(1, 2, 2, dtype=torch.int64)
    target[0, 0] = 1  # the upper half
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, 0] = 1.0  # background everywhere ...
    logits[0, 1, 0, 0] = 2.0  # ... but in one corner
    metric.update(logits, target)
    assert float(metric.compute()) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_style_loss_is_zero_for_the_style_itself_and_content_loss_for_the_content():
    style = module("style-transfer")
    images = subject("style-transfer").workload.valid_data[0][:2]
    net = style.StyleTransfer()
    features = net.judge(images.float() / 255)
    assert [f.shape[1] for f in features] == [64, 128, 256]
    assert style.relative_error(features[1], features[1]).tolist() == [0.0, 0.0]
    section = torch.from_numpy(tissue(side=256)).permute(2, 0, 1).unsqueeze(0).float() / 255
    for number, found in enumerate(net.judge(section)):
        wanted = net.get_buffer(f"style{number}")
        assert float(style.relative_error(style.gram(found), wanted)) < 1e-6
        assert float(style.relative_error(style.gram(features[number]), wanted)[0]) > 0.05


def test_a_gram_matrix_is_the_mean_product_of_channels():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    expected = [[[(1 + 4) / 2, (3 + 8) / 2], [(3 + 8) / 2, (9 + 16) / 2]]]
    assert module("style-transfer").gram(features).tolist() == expected


def test_the_judge_of_style_is_not_trained():
    alive = subject("style-transfer")
    alive.start("adam", None, seed=0)
    before = {name: value.clone() for name, value in alive.model.judge.state_dict().items()}
    (batch,) = islice(alive.batches(2, seed=0), 1)
    alive.step(batch, 2)
    for name, value in alive.model.judge.state_dict().items():
        assert torch.equal(value, before[name])
    assert alive.facts().parameters < 100_000
