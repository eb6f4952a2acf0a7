"""The two networks, written the way such networks are usually written in PyTorch.

Nothing here knows about compression: the names of the parameters below are the names
that the weights carry in the IR and in the artifact.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 10
IMAGE_SHAPE = (1, 8, 8)


class Cnn(nn.Module):
    """Two 3x3 convolutions, one max-pool, two fully connected layers."""

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(64 * 4 * 4, hidden)
        self.fc2 = nn.Linear(hidden, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.relu(self.conv1(images))
        x = functional.relu(self.conv2(x))
        x = functional.max_pool2d(x, 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


class Attention(nn.Module):
    """Multi-head self-attention in plain matrix products."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        q, k, v = (
            part.reshape(batch, tokens, self.heads, -1).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        weights = torch.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """A small vision transformer: 16 tokens of 2x2 pixels, mean-pooled."""

    def __init__(
        self, width: int = 64, heads: int = 4, hidden: int = 256, depth: int = 2
    ) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(1, width, kernel_size=2, stride=2)
        self.pos_embed = nn.Parameter(torch.randn(1, 16, width) * 0.02)
        self.blocks = nn.Sequential(
            *(Block(width, heads, hidden) for _ in range(depth))
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = self.blocks(x + self.pos_embed)
        return self.head(self.norm(x).mean(dim=1))


MODELS: dict[str, type[nn.Module]] = {"cnn": Cnn, "transformer": Transformer}
