"""What is left out of a tower changes no vector, and towers that read all of their tokens keep all of them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from open_clip.transformer import VisionTransformer  # noqa: E402

from shared.encoder import class_token  # noqa: E402

PIXELS = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def tower(**more: object) -> VisionTransformer:
    torch.manual_seed(2)
    made = VisionTransformer(64, 16, width=64, layers=3, heads=4, mlp_ratio=4.0, output_dim=32, **more)
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize("more", [{}, {"ls_init_value": 0.1}, {"final_ln_after_pool": True}, {"no_ln_pre": True}])
def test_the_class_token_alone_gives_the_same_vectors(more: dict[str, object]) -> None:
    visual = tower(**more)
    expected = visual(PIXELS)
    seen: list[tuple[int, ...]] = []
    visual.transformer.resblocks[-1].mlp.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape)))
    assert class_token.alone(visual)
    torch.testing.assert_close(visual(PIXELS), expected, rtol=1e-4, atol=1e-5)
    assert seen == [(3, 1, 64)]


@pytest.mark.parametrize("more", [{"pool_type": "avg"}, {"attentional_pool": True}, {"output_tokens": True}])
def test_a_tower_that_reads_other_tokens_is_left_as_it_is(more: dict[str, object]) -> None:
    visual = tower(**more)
    before = list(visual.transformer.resblocks)
    assert not class_token.alone(visual)
    assert list(visual.transformer.resblocks) == before
