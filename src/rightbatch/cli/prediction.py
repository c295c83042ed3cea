"""The command memory --predict: predict what fits, without the device."""

from collections.abc import Mapping
from typing import Any

from rightbatch.api.prediction import predict_memory
from rightbatch.api.settings import listed
from rightbatch.cli.output import console, print_json
from rightbatch.errors import UsageError
from rightbatch.report.prediction import prediction_json, print_prediction


def predict_instead(
    workload: str,
    measuring: Mapping[str, bool],
    *,
    json: bool,
    device: str | None,
    on: str | None,
    device_memory: str | None,
    memory_limit: str | None,
    optimizers: str,
    **more: Any,  # noqa: ANN401 - more keywords of predict_memory
) -> None:
    """Predict for the device named, or for this machine's CPU where only a memory limit is.

    Raises:
        UsageError: Options were given that have no effect on a prediction (`measuring`: option ->
            whether it was given), or that mean the same.
    """
    if useless := [option for option, is_given in measuring.items() if is_given]:
        raise UsageError(
            "A prediction measures and stores nothing, so it cannot be combined with "
            f"{' and '.join(useless)}; leave that out, or leave out --predict, --on and "
            "--device-memory to measure."
        )
    names = listed(optimizers)
    if len(names) > 1:
        raise UsageError('--predict takes one optimizer; "what if" shows the others.')
    if memory_limit is not None and device_memory is not None:
        raise UsageError("--device-memory and --memory-limit mean the same here; give one of them.")
    if memory_limit is not None and on is None:
        device = device or "cpu"
    with console(stderr=True).status("Following steps on tensors without data", spinner="line"):
        result = predict_memory(
            workload,
            on=on,
            device_memory=device_memory or memory_limit,
            device=device,
            optimizer=names[0] if names else "",
            **more,
        )
    if json:
        print_json(prediction_json(workload, result))
    else:
        print_prediction(workload, result, console())
