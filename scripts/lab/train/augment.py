"""Makes one rendered photo many, on the training device: crop, turn, ripple, light, lens, noise, JPEG, background."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def _normal(n: int, spread: float, like: Tensor) -> Tensor:
    return torch.randn(n, 1, 1, 1, device=like.device) * spread


def _chance(n: int, share: float, like: Tensor) -> Tensor:
    return (torch.rand(n, 1, 1, 1, device=like.device) < share).float()


def _field(n: int, channels: int, side: int, like: Tensor) -> Tensor:
    """Smooth noise [n, channels, side, side], deviation about 1: three octaves of a coarse grid, enlarged."""
    total = torch.zeros(n, channels, side, side, device=like.device)
    for cells, weight in ((3, 0.8), (6, 0.45), (12, 0.2)):
        coarse = torch.randn(n, channels, cells, cells, device=like.device)
        total += weight * F.interpolate(coarse, size=side, mode="bicubic", align_corners=False)
    return total


def _placed(x: Tensor, side: int, strength: float) -> Tensor:
    """A turned, zoomed, tilted and rippled crop: [n, 3, side, side]."""
    n, device = len(x), x.device
    turn = torch.randn(n, device=device) * 0.25 * strength
    turn += (torch.rand(n, device=device) < 0.25) * torch.rand(n, device=device) * 2 * math.pi
    # Above 1 the crop shows more than the photo has: its mirror continues.
    zoom = torch.exp(torch.empty(n, device=device).uniform_(math.log(0.5), math.log(1.15)))
    mirror = torch.where(torch.rand(n, device=device) < 0.5, -1.0, 1.0)
    squeeze = torch.exp(torch.randn(n, device=device) * 0.08 * strength)
    cos, sin = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    axis = torch.linspace(-1, 1, side, device=device)
    yy, xx = torch.meshgrid(axis, axis, indexing="ij")
    tilt = torch.randn(2, n, 1, 1, device=device) * 0.12 * strength
    depth = 1 + tilt[0] * xx + tilt[1] * yy
    px, py = xx * depth * (mirror * squeeze)[:, None, None], yy * depth / squeeze[:, None, None]
    room = (1 - zoom).clamp(min=0)
    shift = torch.empty(2, n, device=device).uniform_(-1, 1) * room
    gx = cos[:, None, None] * px - sin[:, None, None] * py + shift[0][:, None, None]
    gy = sin[:, None, None] * px + cos[:, None, None] * py + shift[1][:, None, None]
    ripple = _field(n, 2, side, x) * _chance(n, 0.4, x) * 0.05 * strength
    grid = torch.stack([gx, gy], -1) + ripple.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _blurred(x: Tensor, radius: int) -> Tensor:
    weights = torch.tensor([math.comb(2 * radius, k) for k in range(2 * radius + 1)], device=x.device, dtype=x.dtype)
    weights = weights / weights.sum()
    flat = F.pad(x.flatten(0, 1)[:, None], (radius,) * 4, mode="reflect")
    flat = F.conv2d(F.conv2d(flat, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
    return flat.reshape(x.shape)


def _compressed(x: Tensor, strength: Tensor) -> Tensor:
    """Rounds 8 × 8 cosine coefficients, coarser towards high frequencies, as JPEG does (ITU-T T.81)."""
    n, channels, side, _ = x.shape
    k = torch.arange(8, device=x.device, dtype=x.dtype)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * 0.5
    basis[0] *= math.sqrt(0.5)
    blocks = x.reshape(n, channels, side // 8, 8, side // 8, 8).transpose(3, 4)
    found = basis @ blocks @ basis.T
    step = strength.view(n, 1, 1, 1, 1, 1) * (1 + k[:, None] + k[None])
    rounded = torch.round(found / step) * step
    return (basis.T @ rounded @ basis).transpose(3, 4).reshape(x.shape)


@torch.no_grad()
def augment(x: Tensor, side: int, strength: float = 1.0) -> Tensor:
    """RGB 0…1 [n, 3, h, w] → [n, 3, side, side]; `side` a multiple of 8, `strength` 0.5 mild … 1.5 rough."""
    n = len(x)
    x = _placed(x, side, strength)
    # A piece of cloth on something else: the ground shows beyond a soft random edge.
    edge = ((_field(n, 1, side, x) + 1.1) * 12).sigmoid()
    ground = torch.rand(n, 3, 1, 1, device=x.device) * (1 + 0.15 * _field(n, 1, side, x))
    x = torch.lerp(x, edge * x + (1 - edge) * ground, _chance(n, 0.12 * strength, x))
    x = x * torch.exp(_field(n, 1, side, x) * _chance(n, 0.5, x) * 0.2 * strength)
    x = x * torch.exp(_normal(n, 0.2 * strength, x))
    x = x * torch.exp(torch.randn(n, 3, 1, 1, device=x.device) * 0.07 * strength)
    x = x.clamp(1e-4, 1.5) ** torch.exp(_normal(n, 0.2 * strength, x))
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * torch.exp(_normal(n, 0.2 * strength, x))
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * torch.exp(_normal(n, 0.2 * strength, x))
    soft, softer = _blurred(x, 1), _blurred(x, 3)
    lens = torch.empty(n, 1, 1, 1, device=x.device).uniform_(-0.6, 1.0) * _chance(n, 0.7, x) * min(strength, 1.2)
    x = x + lens * (soft - x)
    x = torch.lerp(x, softer, _chance(n, 0.2 * strength, x) * torch.rand(n, 1, 1, 1, device=x.device))
    noise = torch.rand(n, 1, 1, 1, device=x.device) * 0.04 * strength
    x = x + noise * torch.randn(n, 1, side, side, device=x.device) + 0.5 * noise * torch.randn_like(x)
    squeezed = _compressed(x.clamp(0, 1), torch.rand(n, device=x.device) * 0.03 * strength + 1e-3)
    return torch.lerp(x, squeezed, _chance(n, 0.4, x)).clamp(0, 1)
