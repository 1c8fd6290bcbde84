"""ResNet-20 and ResNet-56 in CIFAR form (He et al. 2016, option A) in PyTorch, whole or with fewer channels inside their
blocks."""
from torch import nn
from torch.nn import functional

DEPTHS = {"resnet20": 20, "resnet56": 56}
CLASSES = 10


class Block(nn.Module):
    """Two 3x3 convolutions and a sum; where the size changes, the shortcut takes every second pixel and
    zero channels on both sides. inner: channels between the two."""

    def __init__(self, channels_in, channels, stride, inner):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, inner, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride = stride
        self.pad = (channels - channels_in) // 2

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.stride != 1:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return functional.relu(y + x)


def stage_channels(depth):
    """Channels of every block, uncut."""
    return [channels for channels in (16, 32, 64) for _ in range((depth - 2) // 6)]


class Resnet(nn.Module):
    """Three stages of (depth - 2) / 6 blocks with 16, 32 and 64 channels on 32x32 images. inner: channels inside every
    block, by default all."""

    def __init__(self, depth, inner=None):
        super().__init__()
        self.depth = depth
        self.inner = list(inner or stage_channels(depth))
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks, channels_in = [], 16
        for channels, inside in zip(stage_channels(depth), self.inner):
            blocks.append(Block(channels_in, channels, channels // channels_in, inside))
            channels_in = channels
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(64, CLASSES)

    def forward(self, x):
        y = self.blocks(functional.relu(self.bn1(self.conv1(x))))
        return self.linear(y.mean(dim=(2, 3)))
