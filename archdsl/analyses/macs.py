"""Multiply-accumulates of one forward pass on one input.

Convolutions, also transposed ones and those along the channels, and linear layers only: no biases,
no normalization, no arithmetic on weights.
`torch.utils.flop_counter.FlopCounterMode` counts the same twice, once for
each multiplication and once for each addition.
"""

from math import prod

from archdsl.ir.layers import BatchNorm, ChannelConv, Conv, ConvTranspose, Elementary, Idle, Linear
from archdsl.ir.network import LayerNode


def macs(node: LayerNode) -> int:
    """Return the multiply-accumulates of one use of a layer.

    A convolution multiplies each weight once per output position, a transposed one, which is the
    same map read backwards, once per input position (Dumoulin & Visin, arXiv 1603.07285, 4.1).
    """
    match node.layer:
        case Conv(columns=columns, kernel_size=kernel) if columns:
            weights = sum(inputs * outputs for inputs, outputs in columns)
            return node.output.positions * prod(kernel) * weights
        case Linear(columns=columns) if columns:
            return sum(inputs * outputs for inputs, outputs in columns)
        case Conv(in_channels=c_in, out_channels=c_out, kernel_size=kernel, groups=groups):
            return node.output.positions * prod(kernel) * (c_in // groups) * c_out
        case ConvTranspose(in_channels=c_in, out_channels=c_out, kernel_size=kernel, groups=groups):
            return node.input.positions * prod(kernel) * c_in * (c_out // groups)
        case Linear(in_features=n_in, out_features=n_out):  # at each pixel of a map
            return node.output.positions * n_in * n_out
        case ChannelConv(kernel_size=size):
            return node.input.channels * size
        case layer:
            _: BatchNorm | Idle | Elementary = layer  # checked by type: another kind may multiply
            return 0
