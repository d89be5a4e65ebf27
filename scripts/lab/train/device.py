"""One time-boxed training on a machine with a GPU: `python -m scripts.lab.train.device --out DIR --seconds 470`.

Renders on all cores while it trains; compares recipes with classes held out; trains the best on everything; fits the
rest and writes `weft-fabric.safetensors`, `look.safetensors`, `log.jsonl` and `table.json` to DIR as they come.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from scripts.lab.train import discriminant, fit, judge
from scripts.lab.train.data import BLOCK, TRAINING_SEEDS
from scripts.lab.train.look import Recipe, Run
from scripts.lab.train.photos import Photos
from scripts.render import CLASSES
from shared.encoder.architectures.tower import LOOK

RECIPES = (
    Recipe("grey", colour=False),
    Recipe("grey and colour"),
    Recipe("designs alone", structure=0.0),
    Recipe("rough", strength=1.5),
    Recipe("mild", strength=0.5),
)
#: Shares of the time at which stages end: first photos, recipes, the long training, features, structure and texts.
ENDS = (0.09, 0.46, 0.82, 0.88, 0.96)
#: Views of a training design and its side; seeds a class of the evaluation set.
VIEWS, SIDE, SEEDS = 6, 192, 24
#: Designs a class that have captions.
CAPTIONED = 400


class Session:
    """The clock, the renderers and what has been found so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.start = time.monotonic()
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        self.table: list[dict[str, float | str]] = []
        self.log: list[dict[str, float | str]] = []
        options.out.mkdir(parents=True, exist_ok=True)
        options.work.mkdir(parents=True, exist_ok=True)
        self.renderers = [
            self._render("evaluation", 2, SEEDS // BLOCK, 1, judge.SIDE, 0),
            self._render("training", max(1, options.workers - 2), options.blocks, VIEWS, SIDE, TRAINING_SEEDS),
        ]
        self.captions = options.work / "captions.npy"
        told = ["--first", str(TRAINING_SEEDS), "--designs", str(min(CAPTIONED, options.blocks * BLOCK))]
        self.renderers.append(
            subprocess.Popen([sys.executable, "-m", "scripts.lab.train.captions", "--out", str(self.captions), *told])
        )

    def _render(
        self, name: str, workers: int, blocks: int, views: int, side: int, first: int
    ) -> subprocess.Popen[bytes]:
        facts = {"blocks": blocks, "views": views, "side": side, "first": first, "workers": workers}
        arguments = [text for key, value in facts.items() for text in (f"--{key}", str(value))]
        folder = str(self.options.work / name)
        return subprocess.Popen([sys.executable, "-m", "scripts.lab.train.data", "--out", folder, *arguments])

    def left(self, share: float) -> float:
        """Seconds until `share` of the time has passed."""
        return float(self.start + share * self.options.seconds - time.monotonic())

    def note(self, **facts: float | str) -> None:
        self.table.append({key: round(v, 4) if isinstance(v, float) else v for key, v in facts.items()})
        print("TABLE", json.dumps(self.table[-1]), flush=True)
        (self.options.out / "table.json").write_text(json.dumps(self.table, indent=1))
        (self.options.out / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in self.log))

    def photos(self) -> Photos:
        """Waits for a first round of every class."""
        marker = self.options.work / "training" / "set.json"
        while not marker.exists():
            time.sleep(0.2)
        capacity = self.options.blocks * BLOCK * VIEWS * len(CLASSES)
        photos = Photos(marker.parent, self.device, capacity)
        while photos.designs < BLOCK * len(CLASSES) or self.left(ENDS[0]) > 0:
            photos.take()
            time.sleep(0.5)
            if self.renderers[1].poll() is not None and not photos.take():
                break
        return photos

    def judged(self, run: Run) -> float:
        """Notes a variant's figures; returns their mean: leather's, and held-out designs found again."""
        photos, net = run.photos, run.net.eval()
        usable = photos.usable(hold=True)[: self.options.sample]
        rows, designs = judge.rendered(net, photos, usable, strength=0.7)
        found = discriminant.fit(rows, designs, LOOK, even=True)
        held, groups = judge.rendered(net, photos, judge.held_designs(photos, self.options.sample // 4), strength=1.0)
        figures = {"held_out": judge.same_design(found(held), groups)}
        if self.options.leather:
            (bank, known), (queries, labels) = (judge.folder(self.options.leather / s) for s in ("train", "test"))
            samples, asked = (found(judge.extract(net, pixels, self.device)) for pixels in (bank, queries))
            figures["leather"] = judge.nearest(samples, known, asked, labels)
        self.log += run.log
        self.note(variant=run.recipe.name, steps=float(run.step), designs=float(photos.designs), **figures)
        return float(np.mean(list(figures.values())))

    def best(self, photos: Photos) -> Recipe:
        """The recipe that does best in a short training."""
        scores: list[float] = []
        for k, recipe in enumerate(RECIPES):
            end = ENDS[0] + (ENDS[1] - ENDS[0]) * (k + 1) / len(RECIPES)
            run = Run(photos, replace(recipe, designs=self.options.batch), self.device)
            run.train(
                self.options.work / "variant.pt",
                seconds=max(self.left(end) - 0.012 * self.options.seconds, 1.0),
                steps=self.options.steps,
            )
            scores.append(self.judged(run))
        return RECIPES[int(np.argmax(scores))]

    def finish(self, photos: Photos, run: Run) -> None:
        """Discriminants, structure net and texts on the trained convolution; writes the model."""
        fitted = fit.new(self.device, run.net.state_dict())
        taken = photos.usable(hold=False)
        rng = np.random.default_rng(7)
        chosen = rng.permutation(taken)[: self.options.sample * 4]
        rows, designs = judge.rendered(fitted.tower.features, photos, chosen, strength=0.7)
        few = designs.unique()[: self.options.sample]
        used = torch.isin(designs, few)
        fit.close(fitted.tower, rows[used], designs[used])
        fitted.save(self.options.out / f"{fit.ARCHITECTURE}.safetensors")
        while self.left(ENDS[3]) > 0 and len(rows) < 400_000:
            more = rng.permutation(taken)[: self.options.sample]
            found, groups = judge.rendered(fitted.tower.features, photos, more, strength=0.8)
            rows, designs = torch.cat([rows, found]), torch.cat([designs, groups])
        seconds = max(self.left(ENDS[4]), 2.0)
        captions = np.load(self.captions)
        meaning = fit.learn(fitted, rows, designs, photos, captions, seconds=seconds, steps=self.options.steps)
        fitted.save(self.options.out / f"{fit.ARCHITECTURE}.safetensors")
        self.log += meaning.log
        evaluation = Photos(self.options.work / "evaluation", "cpu", SEEDS * len(CLASSES))
        evaluation.take()
        figures = fit.figures(fitted, meaning, self.device, evaluation, self.options.leather)
        self.note(variant="shipped", rows=float(len(rows)), designs=float(photos.designs), **figures)

    def run(self) -> None:
        photos = self.photos()
        self.note(variant="start", designs=float(photos.designs), seconds=time.monotonic() - self.start)
        checkpoint = self.options.work / "look.pt"
        named = {recipe.name: recipe for recipe in RECIPES}
        recipe = named[self.options.recipe] if self.options.recipe else self.best(photos)
        recipe = replace(recipe, hold=False, designs=self.options.batch, seed=8)
        photos.take()
        run = Run(photos, recipe, self.device)
        run.resume(checkpoint)
        weights = self.options.out / "look.safetensors"
        run.train(checkpoint, weights, seconds=max(self.left(ENDS[2]), 5.0), steps=self.options.steps)
        self.log += run.log
        self.renderers[1].terminate()
        self.note(variant=f"long: {recipe.name}", steps=float(run.step), designs=float(photos.designs))
        self.finish(photos, run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="where rendered photos go")
    parser.add_argument(
        "--leather", type=Path, help="holds train/ and test/, one folder per class; judged on, never trained on"
    )
    parser.add_argument("--seconds", type=float, default=470.0)
    parser.add_argument("--steps", type=int, default=0, help="of every training, in place of the clock")
    parser.add_argument("--blocks", type=int, default=140, help=f"shards a class, of {BLOCK} designs")
    parser.add_argument("--batch", type=int, default=128, help="designs a batch")
    parser.add_argument("--sample", type=int, default=2000, help="designs that discriminants are learnt from")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--recipe", choices=[recipe.name for recipe in RECIPES], help="train this one without comparing"
    )
    session = Session(parser.parse_args())
    try:
        session.run()
    finally:
        for process in session.renderers:
            process.terminate()


if __name__ == "__main__":
    main()
