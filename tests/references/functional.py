"""DiracNets, one-bit networks and the first residual networks for CIFAR, written from their papers.

Each is a function of a `state_dict` and images, without modules; float64.
"""

import torch
import torch.nn.functional as F  # noqa: N812


class Reader:
    """A `state_dict` read in the words of a paper; `training` takes the moments of the batch."""

    def __init__(self, state, training):
        self.state, self.training = state, training

    def bn(self, x, name):
        """Normalize with the batch's or the measured moments; scale and offset if learned."""
        mean, var = self.state[f"{name}.running_mean"], self.state[f"{name}.running_var"]
        if self.training:
            mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), correction=0)
        x = (x - mean.view(-1, 1, 1)) / (var.view(-1, 1, 1) + 1e-5).sqrt()
        if f"{name}.weight" not in self.state:
            return x
        scale, offset = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return scale.view(-1, 1, 1) * x + offset.view(-1, 1, 1)

    def dirac(self, name):
        """Return a * delta + b * W / ||W|| per filter: DiracNets, equations 2, 4, 5 and 7."""
        weight, a, b = (self.state[f"{name}.{tensor}"] for tensor in ("weight", "a", "b"))
        delta = torch.zeros_like(weight)
        outputs, inputs, height, width = weight.shape
        for o in range(outputs):
            for i in range(inputs):
                if o % min(outputs, inputs) == i % min(outputs, inputs):
                    delta[o, i, height // 2, width // 2] = 1
        filters = torch.stack([w / w.square().sum().sqrt() for w in weight])
        return a.view(-1, 1, 1, 1) * delta + b.view(-1, 1, 1, 1) * filters

    def binary(self, name, constant=2.0):
        """Return sqrt(2 / (F^2 C)) * sign(W): McDonnell, equation 1; 4 in appendix B."""
        weight = self.state[f"{name}.weight"]
        _, channels, size, _ = weight.shape
        return (constant / (size**2 * channels)) ** 0.5 * weight.sign()


def ncrelu(x):
    """Concatenate the positive and the negative part: DiracNets, equation 9."""
    return torch.cat((x.relu(), -(-x).relu()), dim=1)


def diracnet(reader, x, pairs, *, imagenet=False):
    """DiracNets, Table 1: `pairs` of layers in each group, max-pooling between groups."""
    weight = reader.state["stem.0.weight"]
    if imagenet:
        x = F.conv2d(x, weight, stride=2, padding=3)
        x = F.max_pool2d(reader.bn(x, "stem.1"), 3, 2, 1)
    else:
        x = reader.bn(F.conv2d(x, weight, padding=1), "stem.1").relu()
    for group, number in enumerate(pairs, start=1):
        x = F.max_pool2d(x, 2) if group > 1 else x
        for layer in (f"group{group}.{i}" for i in range(2 * number)):
            x = F.conv2d(ncrelu(x), reader.dirac(f"{layer}.conv1"), padding=1)
            x = reader.bn(x, f"{layer}.bn1")
    x = x.relu() if imagenet else x
    last = "head.3" if imagenet else "head.2"
    return F.linear(
        x.mean(dim=(2, 3)), reader.state[f"{last}.weight"], reader.state[f"{last}.bias"]
    )


def shortcut_of(x, channels, stride):
    """Average 3x3 pixels, those outside the map left out, and append channels of zeros."""
    if stride > 1:
        valid = F.avg_pool2d(torch.ones_like(x), 3, stride, 1)
        x = F.avg_pool2d(x, 3, stride, 1) / valid
    return torch.cat((x, x.new_zeros(len(x), channels - x.shape[1], *x.shape[2:])), dim=1)


def onebit(reader, x, blocks, *, imagenet=False):
    """McDonnell, Figures 3 and 4: BN and ReLU before every convolution, BN after the last one."""
    x = reader.bn(x, "stem.0").relu()
    if imagenet:
        x = F.conv2d(x, reader.binary("stem.2"), stride=2, padding=3)
        x = F.max_pool2d(x, 3, 2, 1)
    else:
        x = F.conv2d(x, reader.binary("stem.2"), padding=1)
    for scale, number in enumerate(blocks, start=1):
        for i in range(number):
            block, stride = f"scale{scale}.{i}", 2 if i == 0 and scale > 1 else 1
            y = reader.bn(x, f"{block}.bn1").relu()
            y = F.conv2d(y, reader.binary(f"{block}.conv1"), stride=stride, padding=1)
            y = reader.bn(y, f"{block}.bn2").relu()
            y = F.conv2d(y, reader.binary(f"{block}.conv2"), padding=1)
            x = y + shortcut_of(x, y.shape[1], stride)
    x = F.conv2d(reader.bn(x, "head.0").relu(), reader.binary("head.2"))
    return reader.bn(x, "head.3").mean(dim=(2, 3))


def onebit_plain(reader, x, layers):
    """McDonnell, appendix B: the same without shortcuts, and with another constant."""
    x = reader.bn(x, "stem.0").relu()
    x = F.conv2d(x, reader.binary("stem.2", 4), padding=1)
    for scale in (1, 2, 3):
        for i in range(layers):
            layer, stride = f"scale{scale}.{i}", 2 if i == 0 and scale > 1 else 1
            x = reader.bn(x, f"{layer}.bn1").relu()
            x = F.conv2d(x, reader.binary(f"{layer}.conv1", 4), stride=stride, padding=1)
    x = F.conv2d(reader.bn(x, "head.0").relu(), reader.binary("head.2", 4))
    return reader.bn(x, "head.3").mean(dim=(2, 3))


def resnet_cifar(reader, x, blocks):
    """He et al. 2016, section 4.2: shortcuts take every second pixel and pad with zeros."""
    state = reader.state
    x = reader.bn(F.conv2d(x, state["stem.0.weight"], padding=1), "stem.1").relu()
    for stage in (2, 3, 4):
        for i in range(blocks):
            block, stride = f"conv{stage}.{i}", 2 if i == 0 and stage > 2 else 1
            y = F.conv2d(x, state[f"{block}.conv1.weight"], stride=stride, padding=1)
            y = reader.bn(y, f"{block}.bn1").relu()
            y = reader.bn(F.conv2d(y, state[f"{block}.conv2.weight"], padding=1), f"{block}.bn2")
            x = F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            x = (x + y).relu()
    return F.linear(x.mean(dim=(2, 3)), state["head.2.weight"], state["head.2.bias"])
