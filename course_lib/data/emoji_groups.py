"""Which emoji show the same thing, and so must stay on one side of the train/test split.

Many emoji are one drawing with a part changed: the runner is drawn six times (man, woman, person,
each facing left and right), the clock twenty-four times. If one of them were in the training set
and another in the test set, a model could copy instead of generalise, and the test would not
notice. So the split never cuts through a group, and a group is what an emoji *shows*.
"""

import hashlib
import re

# One line a series: its name, and what its members' "subcategory: name" matches. First match wins.
SERIES = {
    "flags": r"(country-|subdivision-)?flag: ",
    "round faces": r"face-(?!costume)",
    "buttons": r"(alphanum|arrow|av-symbol|keycap): |.*: (Mobile Phone|Vibration)",
    "shapes": r"(geometric|skin-tone): |.*: (Octagonal Sign|Heavy Large Circle|Brick|Coin)$",
    "plates": r"(religion|zodiac): ",
    "signs": r"transport-sign: ",
    "prohibitions": r"warning: ",
    "heads": r"person: |person-.*(Prince|Person With Crown|Frowning|Pouting|Massage)",
    "families": r".*: Family",
    "couples": r"family: (Couple With Heart|Kiss)",
    "holding hands": r".*Holding Hands",
    "busts": r".*: Busts? In Silhouette",
    "Claus": r".*: (Father Christmas|Mother Christmas|Mx Claus)",
    "pregnancy": r".*: Pregnant",
    "feeding": r".*: (Breast-Feeding|.*Feeding Baby)",
    "dancing": r".*: (Dancer|Man Dancing)",
    "suits and gowns": r".*(Tuxedo|Veil$)",
    "office": r"person-role: .*(Office Worker|Health Worker|Student|Pilot|Judge)$",
    "bicycles": r".*(Biking|[Bb]icyclist)",
    "wheelchairs": r".*Wheelchair",
    "white canes": r".*White Cane",
    "snow sports": r"person-sport: (Skier|Snowboarder)",
    "fingers": r"hand-(single-finger|fingers-partial): ",
    "open hands": r"hand-fingers-open: ",
    "fists": r"hand-fingers-closed: ",
    "hearts": r"heart: (?!Love Letter)|.*: Black Heart Suit",
    "cat faces": r"cat-face: |.*: Cat Face",
    "wise monkeys": r"monkey-face: |.*: Monkey Face",
    "ears": r"body-parts: Ear",
    "chicks": r".*Chick$",
    "birds": r".*: (Black Bird|Bird|Goose|Dove)$",
    "dogs": r".* Dog$",
    "camels": r".*Camel$",
    "whales": r".*Whale$",
    "bears": r".*: (Polar Bear|Bear Face|Panda Face|Koala)$",
    "clock faces": r"time: Clock Face",
    "hourglasses": r"time: Hourglass",
    "moons": r"sky & weather: .*Moon",
    "suns": r"sky & weather: .*Sun With",
    "clouds": r"sky & weather: .*(Cloud|Fog)",
    "umbrellas": r".*Umbrella",
    "snowmen": r".*: Snowman",
    "stars": r"sky & weather: (Glowing Star|White Medium Star)",
    "globes": r".*: Earth Globe",
    "skylines": r"place-other: (Cityscape|Night With Stars|Sunset Over|Bridge At)|.*: Fireworks",
    "sunrises": r"place-other: Sunrise",
    "mountains": r"place-geographic: .*Mount",
    "trees": r".*: .* Tree$",
    "nests": r".*(Empty Nest|Nest With Eggs)",
    "mushrooms": r".*Mushroom$",
    "apples": r".*(Red|Green) Apple$",
    "citrus": r".*: (Lemon|Lime|Tangerine)$",
    "houses": r".*: (Hous|Derelict House)",
    "hotels": r".*Hotel$",
    "cars": r"transport-ground: (Oncoming )?(Automobile|Taxi|Police Car)$",
    "buses": r"transport-ground: (Oncoming )?(Bus|Trolleybus|Minibus|Ambulance)$",
    "trains": r"transport-ground: (High-Speed )?(Train|Tram|Metro|Light Rail|Station|Railway Car)",
    "lorries": r".*: (Delivery Truck|Articulated Lorry)$",
    "traffic lights": r".*Traffic Light$",
    "aeroplanes": r"transport-air: .*Airplane",
    "books": r"book-paper: .*(Book|Ledger|Notebook$|Decorative)",
    "pages": r"book-paper: (Page|Bookmark Tabs)|.*: Memo$",
    "newspapers": r".*Newspaper$",
    "envelopes": r"mail: .*(Envelope|E-Mail)|.*: Love Letter",
    "mailboxes": r"mail: .*Mailbox",
    "trays": r"mail: .*Tray$",
    "banknotes": r"money: (Banknote|Money With)",
    "charts": r".*: (Chart With|Bar Chart)",
    "medals": r"award-medal: .*Medal$",
    "tickets": r".*Tickets?$",
    "card suits": r"game: Black .* Suit$",
    "locks": r"lock: (?!Old)",
    "speakers": r"sound: Speaker",
    "megaphones": r"sound: .*(Loudspeaker|Megaphone)",
    "bells": r"sound: Bell",
    "notes": r"music: .*Note",
    "discs": r".*: (Optical Disc|Dvd|Minidisc)$",
    "cameras": r"light & video: Camera",
    "magnifying glasses": r".*Magnifying Glass$",
    "folders": r"office: .*File Folder",
    "calendars": r"office: .*(Calendar|Spiral Notepad)",
    "pushpins": r"office: .*Pushpin",
    "paperclips": r"office: .*Paperclip",
    "rulers": r"office: .*Ruler",
    "pens": r"writing: .*(Nib|Fountain Pen|Pen)$",
    "beer": r".*Beer Mugs?$",
    "bubbles": r"emotion: .*(Bubble|Balloon)$",
    "marks": r"punctuation: .*Mark",
    "sums": r"math: ",
    "ticks and crosses": r"other-symbol: .*(Check|Cross Mark)|.*: Heavy Multiplication",
    "loops": r"other-symbol: .*Curly Loop",
    "asterisks": r"other-symbol: .*(Asterisk|Pointed|Sparkle)",
    "registered marks": r"other-symbol: (Copyright|Registered) Sign$",
    "genders": r"gender: ",
}
_SERIES = {name: re.compile(pattern) for name, pattern in SERIES.items()}

# Parts of a code point sequence that change how a thing is drawn and not what it is: variation
# selector, joiner, female, male, facing right, four kinds of hair, black, five skin tones.
_VARIANTS = re.compile("FE0F|200D|2640|2642|27A1|1F9B[0-3]|2B1B|1F3F[B-F]")
_PERSON = {"1F468": "1F9D1", "1F469": "1F9D1"}  # man, woman: person

TEST_SHARE = 0.22  # of the groups small enough to be tested on; about 16 % of all emoji
LARGEST_TESTED_GROUP = 30


def emoji_group(codepoints: str, name: str, subcategory: str) -> str:
    """Name what an emoji shows: its series in `SERIES`, else its code points without variants.

    `codepoints` is hexadecimal joined by "-", as in emoji.csv. Gender, hair, facing right and
    skin tone do not count, and man, woman and person are one.

    >>> emoji_group("1F3C3-200D-2640-FE0F", "Woman Running", "person-activity")
    '1F3C3'
    >>> emoji_group("1F3C3", "Runner", "person-activity")
    '1F3C3'
    >>> emoji_group("1F468-200D-1F680", "Man Astronaut", "person-role")
    '1F9D1-1F680'
    >>> emoji_group("1F550", "Clock Face One Oclock", "time")
    'clock faces'
    """
    for series, pattern in _SERIES.items():
        if pattern.match(f"{subcategory}: {name}"):
            return series
    parts = [_PERSON.get(part, part) for part in codepoints.split("-")]
    return "-".join([part for part in parts if not _VARIANTS.fullmatch(part)] or parts)


def group_split(group: str, size: int) -> str:
    """Say on which side a group of `size` emoji stands: "train" or "test".

    A group of more than 30 is always for training: flags (270), round faces, buttons, heads and
    shapes are each so many near-alike drawings that a test set with one of them would measure
    that one. Of the others, a group is tested on where the SHA-256 of its name, read as a
    fraction of its range, falls below 0.22: no random state, the same on every machine, and
    unmoved when other groups are added.

    >>> group_split("flags", 270)
    'train'
    >>> group_split("clock faces", 24) in ("train", "test")
    True
    """
    digest = hashlib.sha256(group.encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64 < TEST_SHARE
    return "test" if drawn and size <= LARGEST_TESTED_GROUP else "train"
