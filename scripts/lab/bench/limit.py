"""(a) The most that matrix products reach on this machine, beside the bare encoder loop in the same turns."""

from __future__ import annotations

from scripts.lab.bench import model
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Reading, in_turns, ratio
from scripts.lab.bench.loops import Loops
from scripts.lab.bench.peers.process import Peer
from scripts.lab.bench.results import Limit

#: `EncoderInfo.precision` → torch's name of the type that is multiplied; an int8 engine is held against bf16.
_TYPES = {"bf16": "bfloat16", "f32": "float32", "int8": "bfloat16"}


def measure(bench: Bench) -> Limit:
    loops = Loops(bench.of(bench.template))
    folder = bench.photos.fresh("224", 32)
    kind = _TYPES[loops.precision]
    with Peer.of_this_environment("matrix_product", kind) as products:

        def product(_: int) -> Reading:
            answer = products.ask(seconds=bench.pick(1, 3))
            # As if a product were as many photos as it has the operations of.
            return Reading(round(answer.flops / model.FLOPS_A_PHOTO), answer.wall, answer.cpu)

        turns = in_turns(
            {"limit": product, "encoder": lambda _: loops.encode(folder, bench.pick(64, 192))}, bench.pick(3, 7)
        )
    loops.close()
    gigaflops = turns["limit"].best.per_second * model.FLOPS_A_PHOTO / 1e9
    return Limit(
        precision=loops.precision,
        limit_gflops=round(gigaflops, 1),
        limit_photos_per_s=turns["limit"].rates(),
        encoder=turns["encoder"].rates(),
        encoder_vs_limit=ratio(turns["encoder"], turns["limit"]),
        encoder_vs_limit_best=turns["encoder"].best.per_second / turns["limit"].best.per_second,
        micro_batch=loops.encoder.micro_batch,
        streams=loops.encoder.streams,
    )
