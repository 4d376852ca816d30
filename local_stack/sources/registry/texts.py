"""Texts of the synthetic registry: descriptions as people write them, songs in the forms that occur."""

from __future__ import annotations

from random import Random

SONG_LINES = (
    "Anxiety by Doechii.  A smooth and introspective track with a laid-back groove and honest lyrics.",
    "What It Is (Block Boy) \u2013 Doechii ft. Kodak Black. A playful R&B duet over a 2000s sample.",
    "Party in the U.S.A. by Miley Cyrus in The Time of Our Lives",
    "Anti-Hero - Midnights - Taylor Swift",
    "Stand by Me by Ben E. King",
    "Pretty Little Baby by Connie Francis",
    "Anxiety by Doechii in Anxiety - Single",
    "NOKIA by Drake in $ome $exy $ongs 4 U",
)

_OPENINGS = {
    "S": "A {0} performer with {1} presence, known for {2} vocals and {3} gestures on every stage.",
    "L": "A {0} outfit in {1} fabric with {2} details, cut for {3} movement.",
    "W": "A {0} place under {1} light, with {2} corners and a {3} horizon.",
    "M": "A {0} routine with {1} arms and {2} footwork, made for {3} camera angles.",
    "C": "A {0} video that brings {1} song and {2} moves together in a {3} world.",
    "G": "A {0} track with {1} drums, {2} vocals and a {3} chorus.",
}
_MORE = {
    "S": "Expressive eyes and a {0} smile carry the {1} moments; the styling stays {2} from every angle.",
    "L": "The {0} layers catch the light, while {1} accents and {2} shoes complete it.",
    "W": "Visitors find {0} details everywhere: {1} signs, {2} floors and slow clouds.",
    "M": "Each count ends in a {0} pose; the {1} transition keeps the {2} rhythm.",
    "C": "The cut stays {0}, the colours {1}, and the ending {2}.",
    "G": "The mood stays {0}; a {1} bass line and {2} harmonies lead to the end.",
}
_WORDS = (
    "bright", "calm", "confident", "dreamy", "elegant", "bold", "playful", "soft", "sharp", "golden", "velvet",
    "electric", "quiet", "wide", "graceful", "modern", "classic", "warm", "neon", "silver", "gentle", "vivid",
)  # fmt: skip
_TAGS = {
    "S": ("star", "pop", "female", "male", "idol", "diva", "icon", "vocal", "stage", "charisma"),
    "L": ("look", "outfit", "retro", "urban", "sequins", "denim", "leather", "casual", "glam", "y2k"),
    "W": ("world", "city", "stage", "night", "neon", "beach", "forest", "club", "space", "street"),
    "M": ("moves", "dance", "tiktok", "slow", "fast", "viral", "groove", "spin", "freestyle"),
    "G": ("song", "hip-hop", "pop", "r&b", "chart", "upbeat", "smooth", "viral"),
    "C": ("composite", "video", "full", "pop", "hip-hop", "remix"),
}
_WORLD_NAMES = ("NeonTokyo", "SunsetPier", "MoonBase", "OldTheatre", "RooftopClub", "GlassForest")


def description(random: Random, layer: str, *, long: bool) -> str:
    """A description; a long one has more than 500 characters, any other fewer."""
    text = _OPENINGS[layer].format(*random.sample(_WORDS, 4))
    sentences = 1 + random.randrange(2)
    while (long and len(text) <= 520) or sentences > 0:
        text += " " + _MORE[layer].format(*random.sample(_WORDS, 3))
        sentences -= 1
    if layer == "W":
        text = f"W{random.randrange(1, 77):02d}_{random.choice(_WORLD_NAMES)} - {text}"
    if random.random() < 0.2:
        text = text.replace("stage", "\u201cstage\u201d").replace("every", "everyone\u2019s")
    if random.random() < 0.15:
        text += "\n" * random.randrange(1, 3)
    return text


def tags(random: Random, layer: str, index: int) -> list[str]:
    """0 to 39 tags; now and then the same one in another case."""
    if index % 23 == 11:
        return []
    chosen = random.sample(_TAGS[layer], random.randrange(2, 6))
    if index % 29 == 7:
        chosen += [f"{layer}{number}" for number in range(39 - len(chosen))]
    elif index % 9 == 4:
        chosen.append(chosen[0].title())
    return chosen


def song_line(random: Random, index: int) -> str:
    """A song's line: the real forms first, then others of the same forms."""
    if index < len(SONG_LINES):
        return SONG_LINES[index]
    first, second = (word.title() for word in random.sample(_WORDS, 2))
    artist = f"The {random.choice(_WORDS).title()} {random.choice(('Lights', 'Rivers', 'Parade', 'Echoes'))}"
    forms = (
        f"{first} {second} by {artist} from {second} Days",
        f"{first} {second} - {first} - {artist}",
        f"{first} {second} by {artist}. " + description(random, "G", long=False),
        f"{first} by {artist} off {second}.\n{description(random, 'G', long=False)}",
    )
    return forms[index % len(forms)]


def curator_words(line: str) -> str:
    """What the curator writes for a song: its title line and a word about it."""
    title = line.split("\n", maxsplit=1)[0].split(".  ", maxsplit=1)[0].strip().rstrip(".")
    return f"{title[:300]}. A smooth, upbeat song at 96 BPM in A minor, chosen for short dance videos."
