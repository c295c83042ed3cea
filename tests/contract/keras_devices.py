"""Which device a Keras workload is measured on, on the backend Keras has.

Run by keras_contract.py, once for each backend. The GPUs are made up.
"""

from types import SimpleNamespace

import keras
import pytest

from rightbatch.errors import UsageError
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.keras.engines import make_engine

BACKEND = keras.backend.backend()


def on(backend):
    """Marks a test that is there on one backend alone."""
    return lambda test: test if backend == BACKEND else None


def device(asked):
    return make_engine(1, asked, CpuDevice()).device.hardware(1, None).device


@pytest.mark.parametrize("asked", ["cpu:7", "cpu:-1", "cpu:x", "cpu:", "cuda:99", "gpu:99", "mine"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(asked):
    with pytest.raises(UsageError, match=f"no device '{asked}' here; use cpu.*leave --device out"):
        device(asked)


@pytest.mark.parametrize("asked", ["cpu", "cpu:0"])
def test_the_cpu_may_have_the_number_zero(asked):
    assert device(asked) == "cpu"


class Cards:
    """Two GPUs as `tf.config` tells of them, before or after TensorFlow has begun."""

    def __init__(self, monkeypatch, begun=False):
        import tensorflow as tf
        from tensorflow.python.client import device_lib

        self.all = self.visible = ["first", "second"]
        self.begun = begun
        config = tf.config
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: self.all)
        monkeypatch.setattr(config, "get_visible_devices", lambda kind: self.visible)
        monkeypatch.setattr(config, "set_visible_devices", self.set_visible)
        monkeypatch.setattr(config.experimental, "set_memory_growth", lambda card, grows: None)
        monkeypatch.setattr(device_lib, "list_local_devices", self.described)

    def set_visible(self, cards, kind):
        if self.begun:
            raise RuntimeError("Visible devices cannot be modified after being initialized")
        self.visible = cards

    def described(self, config):
        number = int(config.gpu_options.visible_device_list)
        return [
            SimpleNamespace(name="/device:CPU:0"),
            SimpleNamespace(
                name="/device:GPU:0", physical_device_desc=self.all[number], memory_limit=2**30
            ),
        ]


@on("tensorflow")
@pytest.mark.parametrize(
    ("asked", "number", "card"),
    [("cuda:1", 1, "second"), ("gpu:1", 1, "second"), ("gpu", 0, "first"), (None, 0, "first")],
)
def test_tensorflow_sees_the_gpu_of_the_number_alone(monkeypatch, asked, number, card):
    cards = Cards(monkeypatch)
    told = make_engine(1, asked, CpuDevice()).device.hardware(1, None)
    assert (told.device, told.device_name) == (f"gpu:{number}", card)
    assert cards.visible == [card]


@on("tensorflow")
def test_tensorflow_has_no_gpu_of_a_higher_number(monkeypatch):
    Cards(monkeypatch)
    with pytest.raises(UsageError, match="no device 'cuda:2' here; use cpu or gpu:0 or gpu:1, or"):
        device("cuda:2")


@on("tensorflow")
def test_what_the_users_code_made_visible_stays_the_choice(monkeypatch):
    cards = Cards(monkeypatch, begun=True)
    assert device("cuda:0") == device(None) == "gpu:0"
    cards.visible = ["second"]
    assert device(None) == "gpu:1"
    cards.visible = []
    assert device(None) == "cpu"


@on("tensorflow")
@pytest.mark.parametrize(("asked", "number"), [("cuda:1", 1), ("cpu", -1)])
def test_a_device_asked_for_after_tensorflow_began_is_refused(monkeypatch, asked, number):
    Cards(monkeypatch, begun=True)
    with pytest.raises(UsageError, match=f"used before {asked} .*CUDA_VISIBLE_DEVICES={number} in"):
        device(asked)


@on("jax")
def test_jax_takes_the_device_of_the_number(monkeypatch):
    import jax

    from rightbatch.measure.frameworks.keras.engines.jax import _device

    cards = [SimpleNamespace(platform="gpu", id=n) for n in range(2)]
    monkeypatch.setattr(jax, "devices", lambda kind=None: cards)
    assert _device("cuda:1") is cards[1]
    assert _device("gpu") is _device(None) is cards[0]
    with pytest.raises(UsageError, match="no device 'cuda:2' here; use cpu or gpu:0 or gpu:1, or"):
        _device("cuda:2")


@on("torch")
def test_torch_takes_the_gpu_of_the_number(monkeypatch):
    import torch

    from rightbatch.measure.frameworks.keras.engines.torch import _device

    now = [0]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: now.__setitem__(0, number))
    used = SimpleNamespace(place=lambda: torch.device("cuda", now[0]))
    monkeypatch.setattr(keras.ops, "zeros", lambda shape: SimpleNamespace(device=used.place()))
    assert _device("cuda:1") == _device("cuda") == _device(None) == torch.device("cuda:1")
    with pytest.raises(UsageError, match="no device 'cuda:2' here; use cpu or cuda:0 or cuda:1"):
        _device("cuda:2")
    used.place = lambda: torch.device("cuda:0")  # as KERAS_TORCH_DEVICE=cuda:0 has it
    with pytest.raises(UsageError, match="uses cuda:0 on PyTorch here, not cuda:1; set KERAS_T"):
        _device("cuda:1")


@on("torch")
def test_torch_knows_no_gpu_by_that_name():
    with pytest.raises(UsageError, match="PyTorch sees no device 'gpu' here; use cpu"):
        device("gpu")
