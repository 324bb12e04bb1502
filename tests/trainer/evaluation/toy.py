"""A toy world of blocks and hand-made models of it that need no training."""

import io
import itertools

import numpy as np
import tensorflow as tf
from PIL import Image

from data.schema import CaptionedImage

SIDE = 16
COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (30, 70, 220),
    "yellow": (250, 220, 0),
    "purple": (130, 40, 170),
    "orange": (245, 130, 20),
}
GROUNDS = {"white": (250, 250, 250), "grey": (150, 150, 150), "black": (15, 15, 15)}
SIZES = {"big": 12, "small": 4}
CHINESE = dict(
    zip(
        [*COLOURS, *SIZES, *GROUNDS],
        ["红", "绿", "蓝", "黄", "紫", "橙", "大", "小", "白", "灰", "黑"],
        strict=True,
    )
)
NAMES = (
    *(f"colour:{name}" for name in COLOURS),
    *(f"size:{name}" for name in SIZES),
    *(f"ground:{name}" for name in GROUNDS),
)
GROUPS = (len(COLOURS), len(SIZES), len(GROUNDS))
PALETTE = np.array(list(COLOURS.values()), np.float32)
GROUND_PALETTE = np.array(list(GROUNDS.values()), np.float32)


def english(colour, size, ground):
    return f"A {size} {colour} block on {ground}."


def chinese(colour, size, ground):
    return f"{CHINESE[ground]}底上的{CHINESE[size]}{CHINESE[colour]}块"


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def block(colour, size, ground, noise=None):
    image = np.empty((SIDE, SIDE, 3), np.float32)
    image[:] = GROUNDS[ground]
    edge = (SIDE - SIZES[size]) // 2
    image[edge : SIDE - edge, edge : SIDE - edge] = COLOURS[colour]
    if noise is not None:
        image += noise
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def records(count, split, seed, noise=6):
    """`count` noisy blocks with two English captions and a Chinese one."""
    rng = np.random.default_rng(seed)
    kinds = list(itertools.product(COLOURS, SIZES, GROUNDS))
    result = []
    for index in range(count):
        kind = kinds[rng.integers(len(kinds))]
        image = block(*kind, noise=rng.normal(0, noise, (SIDE, SIDE, 3)))
        result.append(
            CaptionedImage(
                image_id=f"{split}-{index}",
                encoded=png(image),
                height=SIDE,
                width=SIDE,
                channels=3,
                captions=(english(*kind), f"there is {english(*kind)}", chinese(*kind)),
                languages=("en", "en", "zh-Hans"),
                attributes=tuple(
                    f"{group}:{value}"
                    for group, value in zip(("colour", "size", "ground"), kind, strict=True)
                ),
                split=split,
            )
        )
    return result


def _texts():
    return tf.TensorSpec([None], tf.string, name="text")


def _images():
    return tf.TensorSpec([None], tf.string, name="image_bytes")


def _decoded(image_bytes):
    def one(encoded):
        return tf.ensure_shape(tf.io.decode_png(encoded, channels=3), [None, None, 3])

    spec = tf.TensorSpec([SIDE, SIDE, 3], tf.float32)
    return tf.map_fn(
        lambda encoded: tf.image.resize(one(encoded), [SIDE, SIDE], "area"),
        image_bytes,
        fn_output_signature=spec,
    )


def _nearest(colour, palette):
    return tf.nn.softmax(-tf.norm(colour[:, None] - palette, axis=-1) / 20.0)


def _seen(image_bytes):
    images = _decoded(image_bytes)
    centre = tf.reduce_mean(images[:, 7:9, 7:9], [1, 2])
    corner = tf.reduce_mean(images[:, :2, :2], [1, 2])
    between = tf.reduce_mean(images[:, 3:5, 3:5], [1, 2])
    big = tf.sigmoid((tf.norm(between - corner, axis=-1) - tf.norm(between - centre, axis=-1)) / 20)
    size = tf.stack([big, 1 - big], 1)
    return tf.concat([_nearest(centre, PALETTE), size, _nearest(corner, GROUND_PALETTE)], 1)


def _read(text):
    return tf.stack(
        [
            tf.cast(tf.strings.regex_full_match(text, f"(?i).*({word}|{character}).*"), tf.float32)
            for word, character in CHINESE.items()
        ],
        1,
    )


class Encoder(tf.Module):
    """Sees through the palette and reads the words.

    names: what the recogniser calls its attributes.
    threshold: from which a score counts, for all of them; None leaves the output out.
    """

    def __init__(self, names=NAMES, threshold=None):
        super().__init__()
        self._names, self._threshold = names, threshold

    @tf.function
    def embed_text(self, text):
        return {"embedding": tf.math.l2_normalize(_read(text), 1)}

    @tf.function
    def embed_image(self, image_bytes):
        return {"embedding": tf.math.l2_normalize(_seen(image_bytes), 1)}

    @tf.function
    def attributes(self, image_bytes):
        score = _seen(image_bytes)
        names = tf.broadcast_to(tf.constant(self._names)[None], tf.shape(score))
        if self._threshold is None:
            return {"name": names, "score": score}
        return {
            "name": names,
            "score": score,
            "threshold": tf.fill(tf.shape(score), self._threshold),
        }

    def signatures(self):
        return {
            "embed_text": self.embed_text.get_concrete_function(_texts()),
            "embed_image": self.embed_image.get_concrete_function(_images()),
            "attributes": self.attributes.get_concrete_function(_images()),
        }


class ColourBlind(Encoder):
    """Sees sizes and grounds alone, and reads no colours either."""

    def _without_colours(self, seen):
        return tf.concat([tf.zeros_like(seen[:, : len(COLOURS)]), seen[:, len(COLOURS) :]], 1)

    @tf.function
    def embed_text(self, text):
        return {"embedding": tf.math.l2_normalize(self._without_colours(_read(text)), 1)}

    @tf.function
    def embed_image(self, image_bytes):
        return {"embedding": tf.math.l2_normalize(self._without_colours(_seen(image_bytes)), 1)}

    @tf.function
    def attributes(self, image_bytes):
        score = self._without_colours(_seen(image_bytes))
        return {"name": tf.broadcast_to(tf.constant(NAMES)[None], tf.shape(score)), "score": score}


class SharedSpace(Encoder):
    """What a model from elsewhere has to offer for the CLIP score: two signatures."""

    def signatures(self):
        both = super().signatures()
        return {name: both[name] for name in ("embed_text", "embed_image")}


class Captioner(tf.Module):
    """Says what it sees in `language`, or always the same `sentence`."""

    def __init__(self, language="en", sentence=None):
        super().__init__()
        self._language, self._sentence = language, sentence

    @tf.function
    def caption(self, image_bytes):
        colour, size, ground = (
            tf.gather(words, tf.argmax(part, 1))
            for part, words in zip(
                tf.split(_seen(image_bytes), GROUPS, 1), self._words(), strict=True
            )
        )
        if self._language == "zh":
            said = tf.strings.join([ground, "底上的", size, colour, "块"])
        else:
            said = tf.strings.join(["a ", size, " ", colour, " block on ", ground])
        if self._sentence is not None:
            said = tf.fill(tf.shape(said), self._sentence)
        return {"caption": said, "log_prob": tf.zeros(tf.shape(said))}

    def _words(self):
        names = [list(COLOURS), list(SIZES), list(GROUNDS)]
        if self._language == "zh":
            names = [[CHINESE[name] for name in group] for group in names]
        return names

    def signatures(self):
        return {"serving_default": self.caption.get_concrete_function(_images())}


class Polyglot(Captioner):
    """Says what it sees in the language that is asked for; in Chinese `sentence`, if given."""

    def __init__(self, sentence=None):
        super().__init__()
        self._chinese = Captioner("zh", sentence)

    @tf.function(input_signature=[])
    def languages(self):
        return tf.constant(["en", "zh"])

    @tf.function
    def caption_in(self, image_bytes, language):
        english, chinese = self.caption(image_bytes), self._chinese.caption(image_bytes)
        said = tf.where(language == "zh", chinese["caption"], english["caption"])
        return {**english, "caption": said}

    def signatures(self):
        language = tf.TensorSpec([None], tf.string, name="language")
        asked = self.caption_in.get_concrete_function(_images(), language)
        return {**super().signatures(), "caption_in": asked}


class Generator(tf.Module):
    """Paints the block that the text asks for.

    noise: standard deviation of the seeded pixel noise.
    blind: ignore the text, choose the block by the seed.
    fixed: always return this PNG.
    """

    def __init__(self, noise=6.0, blind=False, fixed=None):
        super().__init__()
        self._noise, self._blind, self._fixed = noise, blind, fixed

    @tf.function
    def generate(self, text, seed, truncation):
        asked = _read(text)
        if self._blind:
            kinds = [tf.one_hot(seed // step % n, n) for step, n in zip((1, 6, 12), GROUPS)]  # noqa: B905
            asked = tf.concat(kinds, 1)
        colour, size, ground = tf.split(asked, GROUPS, 1)
        painted = self._paint(colour @ PALETTE, size, ground @ GROUND_PALETTE)
        grain = tf.map_fn(
            lambda one: tf.random.stateless_normal([SIDE, SIDE, 3], tf.stack([one, 0])),
            seed,
            fn_output_signature=tf.float32,
        )
        painted += self._noise * truncation[:, None, None, None] * grain
        pixels = tf.cast(tf.clip_by_value(tf.round(painted), 0, 255), tf.uint8)
        files = tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)
        if self._fixed is not None:
            files = tf.fill(tf.shape(files), self._fixed)
        return {"image_bytes": files, "text_oov": tf.zeros(tf.shape(files))}

    def _paint(self, colour, size, ground):
        masks = np.zeros((2, SIDE, SIDE, 1), np.float32)
        for mask, extent in zip(masks, SIZES.values(), strict=True):
            edge = (SIDE - extent) // 2
            mask[edge : SIDE - edge, edge : SIDE - edge] = 1.0
        mask = tf.tensordot(size, masks, 1)
        return mask * colour[:, None, None] + (1 - mask) * ground[:, None, None]

    def signatures(self):
        numbers = tf.TensorSpec([None], tf.int64, name="seed")
        scales = tf.TensorSpec([None], tf.float32, name="truncation")
        return {"generate": self.generate.get_concrete_function(_texts(), numbers, scales)}


class Copyist(Generator):
    """Finds training pictures of what the text asks for, and lets the seed choose one of them."""

    def __init__(self, training):
        super().__init__()
        kinds = list(itertools.product(COLOURS, SIZES, GROUNDS))
        found = {kind: [] for kind in kinds}
        for record in training:
            found[tuple(name.split(":")[1] for name in record.attributes)].append(record.encoded)
        rows = [found[kind] or [training[0].encoded] for kind in kinds]
        self._files = tf.ragged.constant(rows, dtype=tf.string)

    @tf.function
    def generate(self, text, seed, truncation):
        colour, size, ground = (tf.argmax(x, 1) for x in tf.split(_read(text), GROUPS, 1))
        shelf = tf.gather(self._files, (colour * GROUPS[1] + size) * GROUPS[2] + ground)
        place = seed % shelf.row_lengths()
        files = tf.gather_nd(shelf, tf.stack([tf.range(tf.size(seed, tf.int64)), place], 1))
        return {"image_bytes": files, "text_oov": 0.0 * truncation}


def save(module, directory):
    tf.saved_model.save(module, str(directory), signatures=module.signatures())
    return str(directory)


class BlockCheck:
    """An exact check of the toy world, by its palette."""

    def wanted(self, caption, language, attributes):
        return tuple(sorted(self.said(caption, language, NAMES)))

    def said(self, caption, language, among):
        folded = caption.casefold()
        return frozenset(
            name
            for name in among
            if name.split(":")[1] in folded or CHINESE[name.split(":")[1]] in folded
        )

    def meaning(self, caption, language):
        return self.said(caption, language, NAMES)

    def kind(self, attribute):
        return attribute.split(":")[0]

    def see(self, image):
        colours = {f"colour:{name}": rgb for name, rgb in COLOURS.items()}
        grounds = {f"ground:{name}": rgb for name, rgb in GROUNDS.items()}
        shown = {
            min(colours, key=lambda name: np.abs(image[8, 8].astype(int) - colours[name]).sum()),
            min(grounds, key=lambda name: np.abs(image[0, 0].astype(int) - grounds[name]).sum()),
        }
        return shown

    def judge(self, sight, caption, language):
        said = self.said(caption, language, [name for name in NAMES if "size" not in name])
        return {self.kind(name): name in sight for name in sorted(said)}

    def is_right(self, caption, language, attributes):
        return self.said(caption, language, NAMES) == frozenset(attributes)
