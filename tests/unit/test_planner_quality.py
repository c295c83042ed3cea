"""How good the planner's choices are, over random worlds whose truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from simulated_world import SimulatedOptimizer, World, run_study

from rightbatch.decide.advice.recommend import advise
from rightbatch.records import Settings

WORLDS = 40


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return math.exp(random.uniform(math.log(low), math.log(high)))


def random_world(seed: int) -> World:
    """B_crit 20 to 2000, knee 16 to 2000, the user's learning rate off by up to 8 times.

    The noise scale, measured early in training, is about half of B_crit.
    """
    random = np.random.default_rng([7, seed])
    critical, knee = log_uniform(random, 20, 2000), log_uniform(random, 16, 2000)
    batch_size, off = int(2 ** random.integers(4, 9)), random.uniform(-3, 3)
    rule = "linear" if random.uniform() < 0.6 else "square_root"
    best_rate = log_uniform(random, 1e-3, 1)
    own = SimulatedOptimizer(
        rule=rule,
        user_rate=best_rate * 2**off,
        best_rate=best_rate,
        rate_scale=critical * math.exp(0.7 * random.normal()),
        steps_min=log_uniform(random, 100, 2000),
    )
    world = World(
        train_examples=int(log_uniform(random, 1500, 60000)),
        batch_size=batch_size,
        optimizers=(own,),
        critical=critical,
        curvature=random.uniform(0.08, 0.25),
        cliff=random.uniform(1.5, 3.5),
        seed_noise=random.uniform(0.05, 0.25),
        shape_noise=0.2,
        alpha=1e-3,
        beta=1e-3 / knee,
        noise_scale=(
            None if random.uniform() < 0.15 else 0.5 * critical * math.exp(0.7 * random.normal())
        ),
        seed=seed,
    )
    slower = log_uniform(random, 0.5, 20) / world.best()[1]
    return replace(world, alpha=slower * world.alpha, beta=slower * world.beta)


def regret(world: World) -> float:
    """True time at the choice over the best; training budget 5 times the best run, or 30 s."""
    _, best = world.best()
    training = max(5 * best, 30.0)
    settings = Settings(budget_seconds=max(180.0, 3 * training), training_budget_seconds=training)
    choice = advise(run_study(world, settings)).recommended
    assert choice is not None
    time = world.seconds(choice.batch_size, choice.learning_rate, micro=choice.micro_batch_size)
    return time / best


@pytest.mark.slow
def test_choices_are_close_to_the_best_in_most_worlds():
    regrets = [regret(random_world(seed)) for seed in range(WORLDS)]
    assert min(regrets) >= 1 - 1e-9
    assert np.median(regrets) <= 1.10
    assert np.quantile(regrets, 0.9, method="higher") <= 1.30
