"""Fits the embedded model on rendered statistics: discriminants in closed form, then the structure net and the text tower.

`python -m scripts.train.fit --data DIR --out DIR [--check DIR]`. Seeded; resumes from `OUT/checkpoint.pt`; writes
`OUT/log.jsonl`, `OUT/loss.svg` and `OUT/weft-fabric.safetensors` (fp16).

The loss is CLIP's symmetric contrastive loss on captions (Radford et al. 2021), with every caption of the same class as a
positive, a cosine classifier on structures, and a supervised contrastive loss on designs (Khosla et al. 2020).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from scripts.render import CLASSES, describe
from scripts.train import discriminant, features, measure
from scripts.train.captions import caption, names
from shared.encoder import architectures
from shared.encoder.architectures.tower import COLOUR, STRUCTURE, TEXTURE, FabricTower

ARCHITECTURE = "weft-fabric"
#: Weights of the losses: captions, structures, designs.
CAPTIONS, STRUCTURES, DESIGNS = 1.0, 1.0, 0.5


class Trainer:
    """The state of one training run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        torch.manual_seed(options.seed)
        torch.set_num_threads(options.threads)
        self.rng = np.random.default_rng(options.seed)
        architectures.register()
        self.model: Any = open_clip.create_model(ARCHITECTURE)
        self.tokenize = open_clip.get_tokenizer(ARCHITECTURE)
        self.tower: FabricTower = self.model.visual.trunk
        rows, classes, self.keys, self.views = features.load_sets(options.data)
        self.designs = np.arange(len(rows)) // self.views
        self.kept = np.ones(len(rows), bool)
        if options.hold:
            self.kept = classes % options.hold != 0
        self._closed_form(rows)
        self.rows, self.classes = torch.from_numpy(rows), torch.from_numpy(classes)
        self.colours = [describe(name, design) for name, design in self.keys]
        self.prototypes = nn.Parameter(torch.randn(len(CLASSES), STRUCTURE) * 0.05)
        learnt = [*self.tower.structure.parameters(), *self._text_parameters(), self.prototypes]
        self.optimizer = torch.optim.AdamW(learnt, lr=options.rate, weight_decay=0.05)
        self.epoch = 0
        self.log: list[dict[str, float]] = []

    def _text_parameters(self) -> list[nn.Parameter]:
        return [p for name, p in self.model.named_parameters() if not name.startswith("visual.") and p.requires_grad]

    def _closed_form(self, rows: np.ndarray) -> None:
        """Discriminants and the standardisation: no gradient reaches them."""
        split = rows.shape[1] - self.tower.statistics.colours
        used, designs = rows[self.kept], self.designs[self.kept]
        parts = (
            (self.tower.texture, slice(0, split), TEXTURE, self.options.ridge),
            (self.tower.colour, slice(split, None), COLOUR, 0.3),
        )
        for layer, columns, width, ridge in parts:
            found = discriminant.fit(used[:, columns], designs, width, ridge=ridge, components=self.options.components)
            axes = torch.from_numpy(np.ascontiguousarray(found.axes.T)).float()
            axes /= axes.norm(dim=1).mean()  # the part is normalised later: keep fp16 in its range
            layer.weight.data.copy_(axes)
            layer.bias.data.copy_(-axes @ torch.from_numpy(found.mean).float())
            layer.requires_grad_(False)
        spread = used.std(0)
        self.tower.centre.data.copy_(torch.from_numpy(used.mean(0)))
        self.tower.scale.data.copy_(torch.from_numpy(1 / (spread + 0.25 * spread.mean())))
        self.tower.shares.data.copy_(torch.tensor(self.options.shares))

    def resume(self) -> None:
        path = self.options.out / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, weights_only=False)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.prototypes.data.copy_(state["prototypes"])
            self.epoch, self.log = state["epoch"], state["log"]
            self.rng.bit_generator.state = state["rng"]
            torch.set_rng_state(state["torch"])

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "prototypes": self.prototypes.data,
            "epoch": self.epoch,
            "log": self.log,
            "rng": self.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }
        torch.save(state, self.options.out / "checkpoint.part")
        (self.options.out / "checkpoint.part").rename(self.options.out / "checkpoint.pt")

    def _step(self, index: np.ndarray) -> dict[str, Tensor]:
        statistics = self.rows[index]
        labels = self.classes[index]
        # Mixing neighbours in feature space and noise stand in for the faults that renders do not have.
        noise = 1 + 0.10 * torch.randn_like(statistics)
        embedded = self.tower.embed(statistics * noise)
        structure = F.normalize(embedded[:, TEXTURE + COLOUR :], dim=1)
        logits = 16 * structure @ F.normalize(self.prototypes, dim=1).T
        on_structure = F.cross_entropy(logits, labels, label_smoothing=0.1)
        design = torch.from_numpy(self.designs[index])
        pairs = structure @ structure.T / 0.15 - 1e4 * torch.eye(len(index))
        same = (design[:, None] == design[None]) & ~torch.eye(len(index), dtype=torch.bool)
        likely = pairs.log_softmax(1)
        on_design = -(likely * same).sum(1)[same.any(1)].div(same.sum(1)[same.any(1)]).mean()
        few = slice(0, self.options.captions)
        written = [caption(self.keys[d][0], self.colours[d], self.rng) for d in (self.designs[index][few]).tolist()]
        texts = self.model.encode_text(self.tokenize(written), normalize=True)
        scores = self.model.logit_scale.exp().clamp(max=50) * embedded[few] @ texts.T
        alike = (labels[few][:, None] == labels[few][None]).float() + torch.eye(len(texts))
        target = alike / alike.sum(1, keepdim=True)
        on_caption = 0.5 * (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target))
        total = CAPTIONS * on_caption + STRUCTURES * on_structure + DESIGNS * on_design
        return {"loss": total, "caption": on_caption, "structure": on_structure, "design": on_design}

    def _batches(self) -> list[np.ndarray]:
        """Batches of whole designs, so that every photo has another view of its cloth beside it."""
        designs = self.rng.permutation(np.unique(self.designs[self.kept]))
        size = self.options.batch // self.views
        groups = [designs[k : k + size] for k in range(0, len(designs) - size + 1, size)]
        shuffled = []
        for group in groups:
            rows = (group[:, None] * self.views + np.arange(self.views)).ravel()
            shuffled.append(self.rng.permutation(rows))
        return shuffled

    def run(self) -> None:
        total = self.options.epochs
        while self.epoch < total:
            batches = self._batches()
            sums: dict[str, float] = {}
            self.model.train()
            for number, index in enumerate(batches):
                progress = (self.epoch + number / len(batches)) / total
                rate = self.options.rate * min(1.0, progress * 12) * (0.5 + 0.5 * float(np.cos(np.pi * progress)))
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                losses = self._step(index)
                self.optimizer.zero_grad()
                losses["loss"].backward()
                nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], 1.0)
                self.optimizer.step()
                for key, value in losses.items():
                    sums[key] = sums.get(key, 0.0) + float(value.detach()) / len(batches)
            self.epoch += 1
            self.log.append({"epoch": self.epoch, **sums})
            print(json.dumps(self.log[-1]), flush=True)
            if self.epoch % 5 == 0 or self.epoch == total:
                self.save()

    @torch.inference_mode()
    def class_vectors(self) -> dict[str, np.ndarray]:
        """One text vector a class, by its proper English and Chinese name."""
        self.model.eval()
        out = {}
        for k, language in enumerate(("en", "zh")):
            prompts = (
                ("{} fabric", "a photo of {} fabric.", "{}") if language == "en" else ("{}", "{}面料", "一张{}的照片")
            )
            vectors = [
                self.model.encode_text(self.tokenize([p.format(names(c)[k][0]) for c in CLASSES]), normalize=True)
                for p in prompts
            ]
            out[language] = torch.stack(vectors).mean(0).numpy()
        return out

    @torch.inference_mode()
    def embed(self, rows: np.ndarray) -> np.ndarray:
        self.model.eval()
        return self.tower.embed(torch.from_numpy(rows)).numpy()

    def check(self, folder: Path) -> dict[str, float]:
        """Figures on seeds never trained on (`folder`: one view a design)."""
        rows = features.load(folder)
        classes = np.repeat(np.arange(len(CLASSES)), len(rows) // len(CLASSES))
        vectors, texts = self.embed(rows), self.class_vectors()
        sample, fused = measure.few_shot(vectors, classes)
        figures = {"sample": sample, "fused": fused}
        figures |= {f"zero_shot_{k}": measure.zero_shot(vectors, classes, v) for k, v in texts.items()}
        if self.options.hold:
            out = classes % self.options.hold == 0
            figures["held_out"] = measure.few_shot(vectors[out], classes[out])[1]
        return figures

    def export(self) -> None:
        self.model.eval()
        state = {name: value.detach().half().contiguous() for name, value in self.model.state_dict().items()}
        save_file(state, str(self.options.out / f"{ARCHITECTURE}.safetensors"), metadata={"format": "pt"})
        (self.options.out / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in self.log))
        import matplotlib

        matplotlib.use("svg")
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(6, 3.2))
        for key in ("loss", "caption", "structure", "design"):
            axes.plot([row["epoch"] for row in self.log], [row[key] for row in self.log], label=key)
        axes.set(xlabel="epoch", ylabel="loss")
        axes.legend(frameon=False)
        figure.savefig(self.options.out / "loss.svg", bbox_inches="tight", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--check", type=Path)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--captions", type=int, default=96, help="captions a batch")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--ridge", type=float, default=0.1)
    parser.add_argument("--components", type=int, default=900)
    parser.add_argument("--shares", type=float, nargs=3, default=(0.45, 0.10, 0.45))
    parser.add_argument("--hold", type=int, default=0, help="hold out every n-th class")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options)
    trainer.resume()
    trainer.run()
    trainer.export()
    if options.check:
        print(json.dumps(trainer.check(options.check)), flush=True)


if __name__ == "__main__":
    main()
