"""Apple's iTunes Search API: songs by words, about 20 times a minute (https://performance-partners.apple.com/search-api)."""

from asset_registry_pipeline.lookups.answers import Asking, listed, seconds_of, text_of
from asset_registry_pipeline.lookups.limiter import Service
from asset_registry_pipeline.registry.song_matches import Found, search_words, sized
from asset_registry_pipeline.registry.song_titles import SongTitle

URL = "https://itunes.apple.com"
CALLS_A_MINUTE = 20
MOST = 10
_ARTWORK = ("artworkUrl100", "artworkUrl60", "artworkUrl30")


def service(calls_a_minute: int = CALLS_A_MINUTE) -> Service:
    """How often it is asked. Its 403 means "too often" as well; both last as long as it says, or these seconds."""
    return Service("iTunes", calls_a_minute, 60, {403: 900, 429: 60})


def search(
    asking: Asking, asked_as: Service, url: str, title: SongTitle, *, patience: float
) -> tuple[Found, ...]:
    """The songs that it finds for a title, in its own order, whatever they are.

    Raises:
        LockedOutError, ServiceFailedError, UnreadableAnswerError: as `Asking.json`.
    """
    params = {
        "term": search_words(title), "media": "music", "entity": "song", "limit": str(MOST), "country": "US",
    }  # fmt: skip
    answer = asking.json(asked_as, f"{url}/search", params, patience=patience)
    found = []
    for one in listed("iTunes", answer, "results"):
        picture = next(filter(None, (text_of(one.get(name)) for name in _ARTWORK)), "")
        artwork_url, quality = sized(picture)
        song, artist = text_of(one.get("trackName")), text_of(one.get("artistName"))
        if song and artist:
            album, duration = text_of(one.get("collectionName")), seconds_of(one.get("trackTimeMillis"))
            found.append(Found(song, artist, album, artwork_url, "iTunes", quality, duration))
    return tuple(found)
