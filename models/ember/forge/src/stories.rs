//! Tiny stories about the hero and the place that were asked for.

use fastrand::Rng;

use crate::{
    names,
    pattern::{pick, word},
    speech::{capital, chance},
    topics::Turn,
};

const BOTH: &[&str] = &[
    "tell me a story about {hero} {place}",
    "tell a story about {hero} {place}",
    "a story about {hero} {place}",
    "write a story about {hero} {place}",
    "write me a short story about {hero} {place}",
    "tell me a tiny story about {hero} {place}",
    "make up a story about {hero} {place}",
    "can you tell me a story about {hero} {place}",
    "I would like a story about {hero} {place}",
    "please tell a tale of {hero} {place}",
    "story: {hero} {place}",
    "a short tale with {hero} {place}",
    "invent a story with {hero} {place}",
    "tell my daughter a story about {hero} {place}",
    "tell my son a bedtime story about {hero} {place}",
    "do you know a story about {hero} {place}",
    "tell me about {hero} who lives {place}",
    "I want a story where {hero} lives {place}",
    "give me a little story about {hero} {place}",
    "a bedtime story, with {hero}, {place}",
    "a tale of {hero} {place}",
    "let us have a story about {hero} {place}",
    "write a tiny tale with {hero} as the hero, {place}",
    "the hero is {hero}, it happens {place}, tell me the story",
    "could I have a story that takes place {place}, about {hero}",
    "make a story: hero {hero}, place {place}",
    "I want to hear a fairy tale about {hero} {place}",
    "something short about {hero} {place}, a story",
];

const HERO: &[&str] = &[
    "tell me a story about {hero}",
    "a story about {hero}",
    "write a story about {hero}",
    "story about {hero}",
    "a tale of {hero}",
    "make up a little story about {hero}",
    "tell a bedtime story with {hero}",
    "can you tell a story about {hero}",
    "and one about {hero}",
    "now one about {hero}",
    "I want a story with {hero}",
];

const PLACE: &[&str] = &[
    "tell me a story that happens {place}",
    "a story {place}",
    "a story that takes place {place}",
    "tell a story set {place}",
    "write a story that plays {place}",
    "and one {place}",
    "now one that happens {place}",
];

const NEITHER: &[&str] = &[
    "tell me a story",
    "a story",
    "can you tell a story",
    "tell a story",
    "I want to hear a story",
    "write a short story",
    "story time",
    "another story",
    "one more story",
    "another one, a new story",
    "do you know any stories",
    "make up a story",
    "a bedtime story",
    "I would like to hear a tale",
    "read me a story",
    "tell me a fairy tale",
    "entertain me with a story",
];

/// Every way to ask.
pub(crate) const FRAMES: [&[&str]; 4] = [BOTH, HERO, PLACE, NEITHER];

const BEGIN: &[&str] = &[
    "Once upon a time {hero} lived {place}.",
    "There was once {hero}, and the story happened {place}.",
    "One day {hero} woke up {place}.",
    "Long ago {hero} lived {place}.",
    "Last winter {hero} came to live {place}.",
];

/// What happens: a need, a deed, an end.
const PLOTS: &[&[&str]] = &[
    &[
        "One evening the lights went out and everybody was afraid.",
        "{Name} took a small lamp and went from door to door.",
        "Soon it was bright {place} again, and there was warm soup for all.",
    ],
    &[
        "Every morning {name} heard a strange song and did not know where it came from.",
        "So {name} followed it over stones and water, and found a bird that had lost its friends.",
        "They sang together, and from that day on neither was alone {place}.",
    ],
    &[
        "It had not rained for many weeks, and the flowers hung their heads.",
        "{Name} carried water in a tiny cup, all day long, and never gave up.",
        "In the night the rain came, and in the morning everything {place} was green.",
    ],
    &[
        "Nobody believed that {name} could win the great race.",
        "But {name} had practised in secret and ran as fast as the wind.",
        "At the end {name} shared the prize with all the others, and they danced {place} until midnight.",
    ],
    &[
        "{Name} found an old map that somebody had left {place}.",
        "The way was long, and the box at its end was very small.",
        "In it lay a key and a letter: the best treasure is a friend who helps you to look for it.",
    ],
    &[
        "One day a loud noise came from behind the hill.",
        "All ran away, but {name} went to look and found a little dragon with a cold.",
        "A cup of hot tea helped at once, and the dragon kept everyone {place} warm all winter.",
    ],
    &[
        "{Name} wanted to fly more than anything else.",
        "The first wings were too heavy and the second too small, but the third ones carried {name} up to the clouds.",
        "From there the world looked round and quiet, and {name} was back {place} in time for supper.",
    ],
    &[
        "One morning all the clocks {place} had stopped.",
        "{Name} climbed up to the biggest one and found a mouse asleep between the wheels.",
        "With a piece of cheese the mouse was soon awake, and time went on.",
    ],
    &[
        "A letter came, and it was for somebody whom nobody knew.",
        "{Name} asked at every house, by the river and under the trees, until an old owl nodded.",
        "The owl could not read, so {name} read the letter aloud, and they have been friends ever since.",
    ],
    &[
        "{Name} was the smallest of all and could not reach the apples.",
        "A goat offered its back, a hen stood on top, and {name} climbed up last.",
        "Nobody counted who had done the most: they sat down {place} and ate the apples together.",
    ],
    &[
        "In the evenings {name} was a little afraid of the dark.",
        "Then a firefly said that it was afraid of the day, because nobody could see it shine.",
        "Since then {name} keeps the firefly company by day, and the firefly shines by night.",
    ],
    &[
        "{Name} wanted to bake a cake, but there was only one egg and a spoon of honey.",
        "So {name} told the neighbours, and each of them brought what was left at home.",
        "It became the biggest cake that was ever seen {place}, and there was a slice for everybody.",
    ],
    &[
        "One day {name} found a door that had not been there before.",
        "Behind it lay a room where everything was quiet and made of glass.",
        "{Name} whispered hello, went home on tiptoe and closed the door with care.",
    ],
    &[
        "A cloud had lost its way and did not dare to move.",
        "{Name} took the end of a long rope, tied it to the cloud and pulled it gently along.",
        "Over the mountains its family was waiting, and it rained for joy.",
    ],
    &[
        "{Name} had a drum, and the neighbours did not like it at all.",
        "But one night the river rose, and it was the drum that woke them up in time.",
        "Now {name} plays {place} every Sunday, and the neighbours clap.",
    ],
    &[
        "An old boat lay {place}, and everyone said that it would never float again.",
        "{Name} mended one hole each day, and sang to it, for it seemed a little sad.",
        "In spring the boat went out on the water, and {name} stood proudly in front.",
    ],
];

/// A wish for a story, and the story. Who or where is not said is somebody or somewhere well known.
pub(crate) fn turn(rng: &mut Rng) -> Turn {
    let frames = match rng.u8(..10) {
        0..7 => BOTH,
        7 | 8 => HERO,
        _ => *pick(rng, &[PLACE, NEITHER]),
    };
    let frame = word(rng, frames);
    let known = frame.contains("{hero}");
    let (hero, name) = if known { names::hero(rng) } else { names::plain_hero(rng) };
    let known = frame.contains("{place}");
    let place = if known { names::place(rng) } else { names::plain_place(rng) };
    let ask = frame.replace("{hero}", &hero).replace("{place}", &place);
    Turn { ask, answer: story(rng, &hero, &name, &place) }
}

fn story(rng: &mut Rng, hero: &str, name: &str, place: &str) -> String {
    let begin = word(rng, BEGIN).replace("{hero}", hero).replace("{place}", place);
    let mut sentences = pick(rng, PLOTS).to_vec();
    if chance(rng, 30) {
        sentences.push("And that is the end of the story.");
    }
    let rest = sentences.join(" ").replace("{place}", &known(place));
    let rest = rest.replace("{name}", name).replace("{Name}", &capital(name));
    format!("{} {}", capital(&begin), capital(&rest))
}

/// A place that was spoken of: `in a big city` is `in the big city` from then on.
fn known(place: &str) -> String {
    let [a, an] = [" a ", " an "].map(|article| place.find(article).map(|at| (at, article)));
    match a.or(an) {
        Some((at, article)) => {
            format!("{} the {}", &place[..at], &place[at + article.len()..])
        }
        None => place.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::known;

    #[test]
    fn a_place_is_known_once_it_was_named() {
        for (place, expected) in [
            ("in a big city", "in the big city"),
            ("on an island", "on the island"),
            ("at home", "at home"),
        ] {
            assert_eq!(known(place), expected);
        }
    }
}
