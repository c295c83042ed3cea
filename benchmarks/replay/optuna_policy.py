"""Optuna's TPE as a policy: so many full runs, the fastest is chosen.

TPE is the tree-structured Parzen estimator of Bergstra, Bardenet, Bengio and Kégl (2011),
"Algorithms for Hyper-Parameter Optimization".
"""

import optuna

from rightbatch.decide.replay.figures import Policy
from rightbatch.decide.replay.question import NoMoreSeeds, Oracle

STARTUP_TRIALS = 3
"""Random trials before the model; the library's own default of 10 would leave it none."""


def optuna_tpe(runs: int) -> Policy:
    def play(oracle: Oracle, repeat: int) -> int:
        sizes = oracle.batch_sizes
        last: dict[int, float] = {}

        def seconds(trial: optuna.Trial) -> float:
            size = sizes[trial.suggest_int("octave", 0, len(sizes) - 1)]
            try:
                run = oracle.train(size)
                last[size] = run.seconds
            except NoMoreSeeds:  # the record has no other run: what it told before, uncharged
                pass
            return last[size]

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=repeat, n_startup_trials=STARTUP_TRIALS)
        study = optuna.create_study(sampler=sampler)
        study.optimize(seconds, n_trials=runs)
        return sizes[study.best_params["octave"]]

    return Policy(f"optuna-tpe-{runs}", f"Bergstra et al. 2011, in Optuna; {runs} full runs", play)
