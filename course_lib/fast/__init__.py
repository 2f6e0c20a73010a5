"""`fast`: a training step that is written plainly and runs as fast as the device allows.

`step` has the function itself and says what it does; the other files are its parts: `capture` (a
compiled step), `cuda_graphs`, `optimizers`, `precision`.
"""

from .step import fast

__all__ = ["fast"]
