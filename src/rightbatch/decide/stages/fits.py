"""The fits of the stages before learning."""

from rightbatch.decide.stages.memory.fit import memory_fits
from rightbatch.decide.stages.noise import fit_noises
from rightbatch.decide.stages.speed.fit import fit_speeds
from rightbatch.decide.study.situation import Situation
from rightbatch.records import Fits


def stage_fits(situation: Situation, memory_limit_bytes: int | None = None) -> Fits:
    """The fits of the memory, speed and noise stages."""
    memories = memory_fits(situation, memory_limit_bytes or situation.hardware.memory_limit_bytes)
    speeds, noises = fit_speeds(situation.trials), fit_noises(situation.trials)
    return Fits(
        memory=memories[0] if memories else None,
        speed=speeds[0] if speeds else None,
        noise=noises[0] if noises else None,
        speeds=speeds,
        memories=memories,
        noises=noises,
    )
