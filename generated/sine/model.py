"""sine, compiled by archdsl from specs/sine.arch.

Its hidden grows.

Change the spec, not this file, and run
    archdsl compile specs/sine.arch

1,501 parameters for inputs (1,).

phase  hidden  parameters  learned  fixed   MACs
-----  ------  ----------  -------  -----  -----
    0     125         376      376      0    250
    1     250         751      501    250    500
    2     375       1,126      626    500    750
    3     500       1,501      751    750  1,000
"""

from torch import Tensor, nn

HIDDEN = (125, 250, 375, 500)


class Sine(nn.Module):
    """The network: (N, 1) -> (N, 1)."""

    def __init__(self, phase: int = len(HIDDEN) - 1) -> None:
        super().__init__()
        hidden = HIDDEN[phase]
        self.linear1 = nn.Linear(1, hidden)
        self.tanh = nn.Tanh()
        self.linear2 = nn.Linear(hidden, 1)
        # Xavier initialization; biases are 0
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tanh(self.linear1(x))  # (N, hidden)
        return self.linear2(x)
