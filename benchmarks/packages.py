"""The peers that are packages: pythae's trainer and Lightning's, on the VAE of pytorch/examples.

Neither is needed by the course: `uv pip install pythae lightning` beside it fills their rows. Each
of them is given the benefit of what costs it time and is no training: no checkpoints, no logs, no
set-up in the clock.
"""

import contextlib
import importlib.util
import io
import logging
import tempfile
import time
import warnings
from collections.abc import Iterator

import torch
from torch import nn

from benchmarks.loops import Loop
from benchmarks.models import TwoHeadedVAE
from benchmarks.peers import endless, mnist_loader, summed_vae_loss
from course_lib.data import load_mnist


def installed(package: str) -> bool:
    """Whether `package` can be imported."""
    return importlib.util.find_spec(package) is not None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within, a package's notices and progress bars are written nowhere."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


class PythaeVAE(Loop):
    """pythae's BaseTrainer: `train_step`, its pass over a DataLoader of float images, is timed.

    The pass has as many batches of 128 as are asked for. Its progress bar stays, as it cannot be
    turned off; the optimizer is Adam 1e-3, precision float32 (its default).
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.folder = device, tempfile.TemporaryDirectory()
        self.images, self.labels = load_mnist("train")
        self.model, self.trainers = _pythae_model(), {}
        self.networks = (self.model,)

    def _trainer(self, steps: int):
        if steps not in self.trainers:
            from pythae.data.datasets import BaseDataset
            from pythae.trainers import BaseTrainer, BaseTrainerConfig

            rows = torch.arange(128 * steps) % len(self.images)
            config = BaseTrainerConfig(
                output_dir=self.folder.name,
                per_device_train_batch_size=128,
                num_epochs=1,
                learning_rate=1e-3,
                no_cuda=self.device.type != "cuda",
            )
            data = BaseDataset(self.images[rows], self.labels[rows])
            with quiet():
                trainer = BaseTrainer(self.model, data, training_config=config)
                trainer.prepare_training()
            self.trainers = {steps: trainer}
        return self.trainers[steps]

    def run(self, steps: int) -> tuple[float, float]:
        trainer = self._trainer(steps)
        begin = time.perf_counter(), time.process_time()
        with quiet():
            trainer.train_step(epoch=1)
        return time.perf_counter() - begin[0], time.process_time() - begin[1]

    def data(self, steps: int) -> None:
        for _ in self._trainer(steps).train_loader:
            pass


def _pythae_model() -> nn.Module:
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    ours = TwoHeadedVAE()

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.mean, self.log_var = ours.hidden, ours.mean, ours.log_var

        def forward(self, x):
            hidden = self.hidden(x)
            return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_var(hidden))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = ours.decoder

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    return VAE(config, encoder=Encoder(), decoder=Decoder())


class LightningVAE(Loop):
    """Lightning's Trainer on the DataLoader of pytorch/examples, timed between its two hooks.

    Without progress bar, logger, checkpoints and model summary; precision float32 (its default).
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.model = device, _lightning_module()
        self.loader = mnist_loader(128, device, workers=1)
        self.stream, self.networks = endless(self.loader, device), (self.model,)

    def run(self, steps: int) -> tuple[float, float]:
        import lightning

        class Clock(lightning.Callback):
            def on_train_start(self, *_):
                self.begin = time.perf_counter(), time.process_time()

            def on_train_end(self, *_):
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                self.spent = (
                    time.perf_counter() - self.begin[0],
                    time.process_time() - self.begin[1],
                )

        clock = Clock()
        extras = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
        with quiet():
            trainer = lightning.Trainer(
                accelerator="gpu" if self.device.type == "cuda" else "cpu",
                devices=1,
                max_steps=steps,
                callbacks=[clock],
                **dict.fromkeys(extras, False),
            )
            trainer.fit(self.model, self.loader)
        return clock.spent


def _lightning_module():
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.vae = TwoHeadedVAE()

        def training_step(self, batch, _):
            return summed_vae_loss(self.vae, batch[0])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    return Module()
