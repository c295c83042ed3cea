import numpy as np
import pytest

from rightbatch.science.memory import fit_line, largest_between, largest_within

MIB = 2**20


def test_a_line_is_found_exactly():
    line = fit_line([1, 2, 8, 32], [110 * MIB, 120 * MIB, 180 * MIB, 420 * MIB])
    assert line.fixed.value == pytest.approx(100 * MIB)
    assert line.slope.value == pytest.approx(10 * MIB)
    assert line.lack_of_fit < 1e-9
    assert line.at(64) == pytest.approx(740 * MIB)


@pytest.mark.parametrize("block", [2 * MIB, 20 * MIB])
@pytest.mark.parametrize("sizes", [[4, 8, 16, 32, 64, 128], [32, 64, 256, 1000]])
def test_intervals_cover_the_line_through_allocator_steps(sizes, block):
    """The slope, and the fixed part with half a block, which rounding up adds on average.

    Workloads take 1 to 8 MiB an example, and anything in a block at B = 0.
    """
    rng = np.random.default_rng(0)
    hits = np.zeros(2)
    batch = np.array(sizes)
    for _ in range(1000):
        slope, fixed = 2 ** rng.uniform(0, 3) * MIB, rng.uniform(150, 300) * MIB
        line = fit_line(batch, np.ceil((fixed + slope * batch) / block) * block)
        hits += (
            line.slope.low <= slope <= line.slope.high,
            line.fixed.low <= fixed + block / 2 <= line.fixed.high,
        )
        assert line.lack_of_fit < 0.10
        assert line.at(2 * sizes[-1]) == pytest.approx(fixed + slope * 2 * sizes[-1], rel=0.10)
    assert (hits / 1000 >= 0.90).all()
    assert (hits / 1000 <= 0.98).all()


@pytest.mark.parametrize("slopes", [(0.3, 1), (1, 2), (2, 4), (4, 8)])
def test_coarse_blocks_leave_the_slope_in_its_interval_at_every_slope(slopes):
    """Rounding to blocks is no Gaussian noise, but bounded and alike at sizes in the same block.

    At one slope and few blocks more than 98% may be covered; the interval still is no wider than
    the one block that the ends of the line may be off by, with what Student's t adds for few sizes.
    """
    rng = np.random.default_rng(1)
    hits, widths = 0, []
    batch = np.array([4, 8, 16, 32, 64, 128])
    for _ in range(400):
        slope, fixed = rng.uniform(*slopes) * MIB, rng.uniform(150, 300) * MIB
        line = fit_line(batch, np.ceil((fixed + slope * batch) / (20 * MIB)) * 20 * MIB)
        hits += line.slope.low <= slope <= line.slope.high
        widths.append(line.slope.high - line.slope.low)
    assert hits / 400 >= 0.90
    assert np.mean(widths) <= 20 * MIB / 128 * 2.78


def test_memory_that_falls_with_the_batch_has_slope_zero():
    line = fit_line([1, 2, 4, 8], [400.0, 390.0, 395.0, 380.0])
    assert line.slope.value == 0
    assert line.slope.low == 0
    assert line.slope.high >= 0


def test_two_points_make_a_line_without_interval():
    line = fit_line([1, 3], [200, 400])
    assert (line.fixed.value, line.slope.value) == pytest.approx((100, 100))
    assert line.slope.low is None
    assert line.slope.high is None


def test_one_size_is_no_line():
    with pytest.raises(ValueError, match="two or more distinct"):
        fit_line([8, 8], [100, 101])


def test_largest_within_a_limit():
    assert largest_within(1000, 100, 9) == 100
    assert largest_within(999.9, 100, 9) == 99
    assert largest_within(50, 100, 9) == 0
    assert largest_within(105, 100, 9) == 0
    assert largest_within(1000, 100, 0) is None
    with pytest.raises(ValueError, match="never below 0"):
        largest_within(1000, 100, -1)


BENT = [(10, 1000), (20, 1100), (40, 1900), (50, 2300)]


def test_between_measured_sizes_memory_is_interpolated():
    assert largest_between(BENT, 1500) == 30
    assert largest_between(BENT, 1900) == 40


def test_beyond_the_largest_size_the_slope_near_it_goes_on():
    assert largest_between(BENT, 2700) == 50 + int(400 / (1200 / 30))


def test_below_the_smallest_size_the_first_slope_goes_on():
    assert largest_between(BENT, 950) == 5
    assert largest_between(BENT, 100) == 0


def test_memory_that_does_not_grow_has_no_largest_size():
    assert largest_between([(1, 500), (8, 500)], 600) is None
    assert largest_between([(1, 500), (8, 480)], 499) == 0


def test_a_peak_that_falls_with_the_size_is_taken_for_the_one_before():
    assert largest_between([(10, 1000), (20, 900), (40, 1800)], 1400) == 30


def test_lines_need_two_sizes():
    with pytest.raises(ValueError, match="two or more distinct"):
        largest_between([(8, 100), (8, 110)], 500)
