"""Plain names of colours that people who deal in fabrics use. No numpy here."""

from __future__ import annotations

from shared.core.i18n import N_

#: sRGB `#rrggbb` → name.
COLOUR_NAMES: dict[str, str] = {
    "#111112": N_("black"), "#3a3b3d": N_("charcoal"), "#5b5c5e": N_("dark grey"), "#8c8d8e": N_("grey"),
    "#767778": N_("grey"), "#bfc0c1": N_("light grey"), "#dcdddd": N_("light grey"), "#fafafa": N_("white"),
    "#f2ede2": N_("off-white"), "#f5e9c9": N_("cream"), "#dccbae": N_("beige"), "#c9b087": N_("sand"),
    "#a5946b": N_("khaki"), "#b98a57": N_("camel"), "#8a7d72": N_("taupe"), "#7b4f2f": N_("brown"),
    "#45291c": N_("dark brown"), "#9c4a26": N_("rust"), "#cf2230": N_("red"), "#8d1a22": N_("dark red"),
    "#5c1a2b": N_("burgundy"), "#a8443a": N_("brick red"), "#ef7565": N_("coral"), "#e88fa5": N_("pink"),
    "#f5d3d8": N_("light pink"), "#d8276f": N_("hot pink"), "#bd8388": N_("dusty rose"), "#ee7d22": N_("orange"),
    "#f3bd95": N_("apricot"), "#f4d21f": N_("yellow"), "#f5ec9f": N_("light yellow"), "#c99a2b": N_("mustard"),
    "#6b6a32": N_("olive"), "#a9c63c": N_("lime green"), "#2f8f45": N_("green"), "#1f4a33": N_("dark green"),
    "#a8d3a0": N_("light green"), "#b5e3d2": N_("mint"), "#8d9d86": N_("sage"), "#17726e": N_("teal"),
    "#35b5b0": N_("turquoise"), "#86c5e8": N_("sky blue"), "#c3d8ea": N_("light blue"), "#2463b4": N_("blue"),
    "#1c33a8": N_("royal blue"), "#1b2547": N_("navy"), "#51688b": N_("denim blue"), "#7f8fa3": N_("blue grey"),
    "#6e3a93": N_("purple"), "#3b2350": N_("dark purple"), "#bfa9d6": N_("lavender"), "#7d3a60": N_("plum"),
    "#c12fa5": N_("magenta"),
}  # fmt: skip
