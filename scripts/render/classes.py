"""The table of classes: trade names, what they are, how much of them a photo shows, and who draws them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scripts.render import figured, finish, knit, openwork, pile, solid, weaves
from scripts.render.surface import Design, Grid, Surface


@dataclass(frozen=True, slots=True)
class FabricClass:
    """One class of the trade, told by structure or finish, never by colour."""

    #: Identifier, also the folder name of rendered banks: lower case ASCII and underscores.
    name: str
    en: str
    zh: str
    #: weave, knit, pile, openwork, solid, made: the group in captions.
    family: str
    #: Structural units across the picture, from macro to arm's length.
    cells: tuple[float, float]
    draw: Callable[[Grid, Design], Surface]
    #: How far the cloth falls in folds, 0 (board) … 1 (silk).
    drape: float
    #: Further names and what a merchant would say of it: for captions.
    words_en: tuple[str, ...] = ()
    words_zh: tuple[str, ...] = ()
    #: Ground colours, where the trade's habit limits them.
    grounds: tuple[str, ...] | None = None


_HIDE = ("brown", "black", "beige", "red", "navy", "green", "grey", "orange")

_ROWS = (
    FabricClass("plain_weave", "plain weave", "平纹布", "weave", (26, 62), weaves.plain, 0.45,
                ("poplin", "calico", "one over one under"), ("细平布", "府绸", "一上一下")),
    FabricClass("basket_weave", "basket weave", "方平布", "weave", (22, 54), weaves.basket, 0.3,
                ("hopsack", "panama", "paired threads"), ("席纹布", "板司呢", "双经双纬")),
    FabricClass("twill", "twill", "斜纹布", "weave", (22, 48), weaves.twill, 0.45,
                ("2/1 twill", "2/2 twill", "diagonal lines"), ("二上一下斜纹", "双面斜纹", "斜向纹路")),
    FabricClass("gabardine", "gabardine", "华达呢", "weave", (26, 56), weaves.gabardine, 0.55,
                ("3/1 twill", "drill", "steep raised diagonal"), ("三上一下斜纹", "卡其", "陡斜纹")),
    FabricClass("herringbone", "herringbone", "人字呢", "weave", (30, 80), weaves.herringbone, 0.4,
                ("broken twill", "zigzag weave"), ("人字斜纹", "海力蒙")),
    FabricClass("houndstooth", "houndstooth", "千鸟格", "weave", (30, 76), weaves.houndstooth, 0.4,
                ("dogtooth check", "pointed check"), ("犬牙格", "鸟眼格纹")),
    FabricClass("gingham", "gingham", "朝阳格", "weave", (50, 110), weaves.gingham, 0.4,
                ("vichy check", "two-colour check"), ("格子平布", "双色小格")),
    FabricClass("tartan", "tartan", "苏格兰格", "weave", (70, 190), weaves.tartan, 0.4,
                ("plaid", "scottish check"), ("格子呢", "彩格")),
    FabricClass("satin", "satin", "缎布", "weave", (60, 150), weaves.satin, 1.0,
                ("sateen", "charmeuse", "lustrous smooth"), ("色丁", "贡缎", "光滑亮面")),
    FabricClass("denim", "denim", "牛仔布", "weave", (34, 90), weaves.denim, 0.3,
                ("jeans cloth", "indigo twill"), ("丹宁", "靛蓝斜纹")),
    FabricClass("canvas", "canvas", "帆布", "weave", (14, 30), weaves.canvas, 0.12,
                ("duck", "heavy plain weave"), ("厚平布", "粗布")),
    FabricClass("linen", "linen", "亚麻布", "weave", (28, 66), weaves.linen, 0.4,
                ("flax", "slubby plain weave"), ("麻布", "竹节纹"),
                ("ecru", "beige", "white", "grey", "blue", "green", "pink", "brown", "navy")),
    FabricClass("burlap", "burlap", "黄麻布", "weave", (13, 30), weaves.burlap, 0.15,
                ("jute", "hessian", "sacking"), ("麻袋布", "粗麻布"), ("beige", "brown", "ecru", "orange")),
    FabricClass("oxford", "oxford cloth", "牛津布", "weave", (22, 52), weaves.oxford, 0.4,
                ("oxford shirting", "two-tone basket"), ("牛津纺", "双色方平"),
                ("blue", "pink", "grey", "navy", "green", "purple", "teal", "red")),
    FabricClass("chambray", "chambray", "青年布", "weave", (36, 72), weaves.chambray, 0.45,
                ("coloured warp white weft",), ("色经白纬", "钱布雷"), ("blue", "navy", "grey", "teal", "red", "black", "purple")),
    FabricClass("seersucker", "seersucker", "泡泡纱", "weave", (60, 130), weaves.seersucker, 0.25,
                ("puckered stripes", "crinkled cotton"), ("绉条布", "起泡条纹")),
    FabricClass("ottoman", "ottoman", "罗缎", "weave", (20, 52), weaves.ottoman, 0.4,
                ("grosgrain", "faille", "horizontal ribs"), ("横棱绸", "葛", "横向棱纹")),
    FabricClass("crepe", "crepe", "绉布", "weave", (34, 80), weaves.crepe, 0.8,
                ("georgette", "pebbled surface"), ("乔其", "双绉", "细皱纹")),
    FabricClass("waffle", "waffle weave", "华夫格", "weave", (34, 90), figured.waffle, 0.25,
                ("honeycomb weave", "thermal"), ("蜂巢布", "蜂窝组织")),
    FabricClass("ripstop", "ripstop", "防撕裂布", "weave", (50, 120), figured.ripstop, 0.6,
                ("nylon grid", "parachute cloth"), ("格子尼龙", "塔丝隆格")),
    FabricClass("jacquard", "jacquard", "提花布", "weave", (70, 180), figured.jacquard, 0.4,
                ("brocade", "damask", "woven figure"), ("织锦", "锦缎", "大提花")),
    FabricClass("tweed", "tweed", "粗花呢", "weave", (20, 52), figured.tweed, 0.3,
                ("donegal", "flecked wool"), ("彩点呢", "羊毛粗纺")),
    FabricClass("jersey", "jersey knit", "平针汗布", "knit", (16, 44), knit.jersey, 0.7,
                ("single jersey", "stockinette", "t-shirt knit"), ("单面汗布", "针织布", "纬平针")),
    FabricClass("rib_knit", "rib knit", "罗纹布", "knit", (12, 32), knit.rib, 0.5,
                ("ribbing", "vertical ribs"), ("坑条", "螺纹", "罗口")),
    FabricClass("cable_knit", "cable knit", "绞花针织", "knit", (14, 36), knit.cable, 0.2,
                ("aran", "twisted ropes"), ("麻花针织", "扭绳花")),
    FabricClass("pique", "pique knit", "珠地布", "knit", (16, 40), knit.pique, 0.4,
                ("polo knit", "lacoste"), ("珠地网眼", "凹凸网眼")),
    FabricClass("crochet", "crochet", "钩编", "knit", (4, 10), knit.crochet, 0.15,
                ("hook lace", "shell stitch"), ("钩针", "钩花")),
    FabricClass("corduroy", "corduroy", "灯芯绒", "pile", (9, 26), pile.corduroy, 0.35,
                ("needlecord", "wales"), ("条绒", "坑条绒")),
    FabricClass("velvet", "velvet", "丝绒", "pile", (14, 40), pile.velvet, 1.0,
                ("velour", "plush sheen"), ("天鹅绒", "金丝绒")),
    FabricClass("terry", "terry", "毛巾布", "pile", (8, 22), pile.terry, 0.3,
                ("towelling", "looped pile"), ("毛圈布", "圈绒")),
    FabricClass("sherpa", "sherpa", "羊羔绒", "pile", (6, 16), pile.sherpa, 0.2,
                ("lambskin pile", "teddy", "boucle"), ("泰迪绒", "颗粒绒")),
    FabricClass("fleece", "fleece", "摇粒绒", "pile", (8, 22), pile.fleece, 0.5,
                ("polar fleece", "brushed pile"), ("抓绒", "起绒布")),
    FabricClass("faux_fur", "faux fur", "人造毛皮", "pile", (5, 14), pile.fur, 0.15,
                ("long pile", "fur"), ("仿皮草", "长毛绒")),
    FabricClass("chenille", "chenille", "雪尼尔", "pile", (7, 16), pile.chenille, 0.25,
                ("tufted yarn", "furnishing plush"), ("绳绒", "雪尼尔纱")),
    FabricClass("tulle", "tulle", "网纱", "openwork", (12, 34), openwork.tulle, 0.7,
                ("bobbinet", "veil net"), ("六角网", "薄纱网")),
    FabricClass("mesh", "mesh", "网眼布", "openwork", (7, 22), openwork.mesh, 0.45,
                ("sports mesh", "perforated knit"), ("透气网布", "三明治网布")),
    FabricClass("lace", "lace", "蕾丝", "openwork", (22, 52), openwork.lace, 0.35,
                ("raschel lace", "floral openwork"), ("花边", "镂空花"), ("white", "black", "ecru", "white", "black", "red", "pink", "navy")),
    FabricClass("eyelet", "eyelet embroidery", "绣孔布", "openwork", (2.5, 6), openwork.eyelet, 0.3,
                ("broderie anglaise", "cutwork"), ("镂空绣花", "打孔绣")),
    FabricClass("chiffon", "chiffon", "雪纺", "openwork", (40, 90), openwork.chiffon, 1.0,
                ("organza", "voile", "sheer"), ("欧根纱", "透明薄纱")),
    FabricClass("gauze", "gauze", "纱布", "openwork", (24, 60), openwork.gauze, 0.6,
                ("muslin", "cheesecloth", "crinkled open weave"), ("双层纱", "绉纱")),
    FabricClass("felt", "felt", "毛毡", "solid", (5, 13), solid.felt, 0.12,
                ("nonwoven wool", "matted fibres"), ("无纺毡", "呢毡")),
    FabricClass("leather", "leather", "皮革", "solid", (9, 30), solid.leather, 0.3,
                ("grain leather", "faux leather"), ("荔枝纹皮", "人造革"), _HIDE),
    FabricClass("suede", "suede", "麂皮", "solid", (10, 26), solid.suede, 0.4,
                ("nubuck", "microsuede"), ("绒面革", "仿麂皮"), _HIDE),
    FabricClass("sequin", "sequin", "亮片布", "made", (8, 22), solid.sequin, 0.35,
                ("paillettes", "glitter discs"), ("珠片", "鱼鳞亮片")),
    FabricClass("quilted", "quilted", "绗缝布", "made", (2.5, 7), solid.quilted, 0.15,
                ("padded", "wadded diamonds"), ("夹棉", "菱形绗棉")),
    FabricClass("pleated", "pleated", "百褶布", "made", (4, 11), solid.pleated, 0.25,
                ("knife pleats", "accordion pleats"), ("压褶", "风琴褶")),
    FabricClass("smocking", "smocking", "司马克褶", "made", (6, 16), finish.smocking, 0.15,
                ("shirred honeycomb", "gathered pleats"), ("抽褶", "缩褶绣")),
    FabricClass("embroidery", "embroidery", "刺绣布", "made", (60, 140), finish.embroidery, 0.3,
                ("satin stitch flowers", "embroidered"), ("绣花", "平绣")),
    FabricClass("glitter", "glitter", "闪粉布", "made", (7, 20), finish.glitter, 0.3,
                ("glitter flakes", "sparkle"), ("闪片", "金葱")),
    FabricClass("metallic", "metallic foil", "烫金布", "made", (6, 18), finish.metallic, 0.7,
                ("lame", "foil", "metallised"), ("金属光泽布", "烫银")),
    FabricClass("patent", "patent leather", "漆皮", "solid", (6, 18), finish.patent, 0.6,
                ("pvc", "vinyl", "wet look"), ("PVC面料", "亮面皮"), _HIDE),
)

#: Name → class, in the table's order.
CLASSES: dict[str, FabricClass] = {row.name: row for row in _ROWS}
