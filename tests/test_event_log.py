"""What is logged is read back from the event files, as TensorBoard reads it."""

import io
import sys
import types

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torchvision.transforms.functional import pil_to_tensor

from course_lib import environment, plotting
from course_lib import history as history_module
from course_lib.event_log import EventLog
from course_lib.history import History, watch


def read(folder):
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()


def scalars(folder, tag):
    return [(event.step, event.value) for event in read(folder).Scalars(tag)]


def filled(history, start, stop):
    for update in range(start + 1, stop + 1):
        history.add(loss=torch.tensor(1 / update), kl=float(update))
    return history


def test_every_tenth_update_of_every_scalar(tmp_path):
    with EventLog(tmp_path) as log:
        history = filled(History(), 0, 37)
        log.add_history(history)
        log.add_history(history)  # nothing new, nothing twice
        log.add_history(filled(history, 37, 55))
    assert scalars(tmp_path, "kl") == [(k, k) for k in (10, 20, 30, 40, 50)]
    assert [step for step, _ in scalars(tmp_path, "loss")] == [10, 20, 30, 40, 50]
    assert scalars(tmp_path, "loss")[1][1] == pytest.approx(1 / 20)


def test_a_resumed_run_hides_what_the_killed_one_wrote_too_far(tmp_path):
    with EventLog(tmp_path, every=1) as log:
        log.add_history(filled(History(), 0, 8))
    history = filled(History(), 0, 5)  # the checkpoint was at 5
    with EventLog(tmp_path, every=1, after=5) as log:
        for _ in range(3):
            history.add(loss=0.0, kl=-1.0)
        log.add_history(history)
    assert scalars(tmp_path, "kl") == [*((k, k) for k in range(1, 6)), (6, -1), (7, -1), (8, -1)]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_back_as_they_were(tmp_path, channels):
    images = torch.linspace(-1, 1, 2 * channels * 5 * 4).reshape(2, channels, 5, 4)
    with EventLog(tmp_path) as log:
        log.add_images("samples", images, step=3, value_range=(-1, 1))
    (event,) = read(tmp_path).Images("samples")
    pixels = pil_to_tensor(Image.open(io.BytesIO(event.encoded_image_string))).float() / 255
    expected = torch.cat([*(images + 1) / 2], dim=2)  # side by side
    assert event.step == 3 and pixels.shape[1:] == (5, 8)
    torch.testing.assert_close(pixels[:channels], expected, rtol=0, atol=1 / 255)


def test_watch_logs_where_nobody_looks(tmp_path):
    history = History()
    with EventLog(tmp_path, every=1) as log:
        for k in watch(range(5), history, log=log):
            history.add(square=k * k)
    assert scalars(tmp_path, "square") == [(1, 0), (2, 1), (3, 4), (4, 9), (5, 16)]


def test_watch_logs_what_there_is_when_the_loop_breaks(tmp_path):
    history = History()
    with EventLog(tmp_path, every=1) as log:
        run = watch(range(100), history, log=log)
        for k in run:
            history.add(square=k * k)
            if k == 2:
                run.close()
    assert [value for _, value in scalars(tmp_path, "square")] == [0, 1, 4]


def test_watch_draws_and_logs_on_the_way(tmp_path, monkeypatch):
    shown = []

    def display(bundle, raw, display_id=False):
        shown.append(bundle)
        return types.SimpleNamespace(update=lambda bundle, raw: shown.append(bundle))

    monkeypatch.setattr(history_module, "is_static", lambda: False)
    monkeypatch.setattr(environment, "in_notebook", lambda: True)
    monkeypatch.setattr(plotting, "in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    monkeypatch.setattr(history_module._Schedule, "tick", lambda schedule: schedule._draw())
    history, written = History(), []
    with EventLog(tmp_path, every=1) as log:
        for k in watch(range(4), history, log=log):
            written.append(log._written)
            history.add(square=k * k)
    assert written == [0, 1, 2, 3] and len(shown) == 5  # four pictures, then cleared


def test_complaints(tmp_path):
    with pytest.raises(ValueError, match="every must be 1 or more; got 0"):
        EventLog(tmp_path, every=0)
    with EventLog(tmp_path / "run") as log:
        log.add_history(filled(History(), 0, 20))
        with pytest.raises(ValueError, match="written 20 updates; the history has 3"):
            log.add_history(filled(History(), 0, 3))
        with pytest.raises(ValueError, match=r"\(B, 1 or 3, H, W\); got \(2, 5, 4\)"):
            log.add_images("samples", torch.zeros(2, 5, 4), step=1)
