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
    "a tiny story about {hero} {place}",
    "story about {hero} {place} please",
    "{hero} {place}, a story",
    "{hero} {place}, make it a story please",
    "bedtime story: {hero} {place}",
    "fairy tale with {hero} {place}",
    "three sentences about {hero} {place}, as a story",
    "a very short story starring {hero}, set {place}",
    "quick story, main character {hero}, setting {place}",
    "story please: it happens {place} and it is about {hero}",
    "invent a tiny tale about {hero} {place}",
    "think up a story about {hero} {place}",
    "think of a little adventure that {hero} has {place}",
    "make something up about {hero} {place}",
    "imagine {hero} {place} and tell me what happens",
    "imagine a story in which {hero} lives {place}",
    "compose a short tale about {hero} {place}",
    "narrate a small adventure of {hero} {place}",
    "spin a yarn about {hero} {place}",
    "spin me a little yarn: {hero}, {place}",
    "dream up a story for me, with {hero} {place}",
    "come up with a short story about {hero} {place}",
    "create a mini story about {hero} {place}",
    "give us a tale of {hero} {place}, just a few lines",
    "tell us what happened to {hero} {place}",
    "tell me what {hero} did {place}, like a fairy tale",
    "what happened when {hero} woke up {place}? tell me a story",
    "Could you tell me a story about {hero} {place}?",
    "could you make up a very short story about {hero} {place}?",
    "Could you please write a little story with {hero} in it, set {place}?",
    "would you tell me a tale about {hero} {place}?",
    "Would you mind inventing a story about {hero} {place}?",
    "can you think up a story in which {hero} has an adventure {place}?",
    "can we have a story with {hero}, somewhere {place}?",
    "may I have a short story about {hero} {place}, please?",
    "will you tell us a story about {hero} {place}?",
    "how about a story with {hero} {place}?",
    "how about a tale in which {hero} gets lost {place}",
    "what about a little story about {hero} {place}?",
    "do you have a story about {hero} {place}?",
    "got a story about {hero} {place}?",
    "I'd love a story about {hero} {place}",
    "I'd love to hear a tiny tale about {hero} {place}.",
    "i'd like to hear about {hero} {place}, as a story please",
    "i want a story about {hero} {place}",
    "I need a very short story about {hero} {place}.",
    "i need a quick bedtime story, {hero} {place}",
    "we would like a story about {hero} who lives {place}",
    "my son wants a story about {hero} {place}",
    "my daughter wants to hear about {hero} {place}, can you tell her a story?",
    "my little sister would love a story about {hero} {place}",
    "my kids want a tale with {hero} that happens {place}",
    "my grandson asks for a story about {hero} {place}",
    "my child cannot sleep, please tell a story about {hero} {place}",
    "I can't sleep, tell me a story about {hero} {place}",
    "the baby will not sleep, a quiet story about {hero} {place} please",
    "it is raining and we are bored, tell us a story about {hero} {place}",
    "It is a rainy day. Tell us a story about {hero} {place}.",
    "we are on a long train ride, tell us a story about {hero} {place}",
    "we are stuck in the car, a story about {hero} {place} would help",
    "grandmother is visiting and wants a story about {hero} {place}",
    "grandma always told me a story about {hero} {place}, can you tell one too?",
    "I teach a class of seven-year-olds and need a story about {hero} {place}.",
    "for my class of seven-year-olds: a tale about {hero} {place}",
    "it is bedtime, we want to hear about {hero} {place}, a short story",
    "for a birthday party we need a story about {hero} {place}",
    "I am a bit sad today, tell me a nice story about {hero} {place}",
    "a story set {place} about {hero}",
    "a story set {place}, starring {hero}",
    "a tale that happens {place}, with {hero} in it",
    "write a story set {place} with {hero} as the main character",
    "write a story that takes place {place} and is about {hero}",
    "tell me a story that begins {place} and has {hero} in it",
    "somewhere {place} there is {hero}, tell me the story",
    "it happens {place}, the hero is {hero}, go on and tell it",
    "setting: {place}, hero: {hero}, please write a tiny story",
    "place: {place}. hero: {hero}. now a story!",
    "once upon a time {place} there was {hero}, how does the story go?",
    "tell me a story where {hero} finds something {place}",
    "write a short story where {hero} makes a friend {place}",
    "a story in which {hero} goes on a trip and ends up {place}",
    "a cheerful story about {hero} {place}, not too long",
    "a funny story about {hero} {place}",
    "a cosy little tale about {hero} {place} for the evening",
    "a story of three sentences about {hero} {place}",
    "tell me, in a few sentences, a story about {hero} {place}",
    "write a four sentence story about {hero} {place}",
    "keep it short: a story about {hero} {place}",
    "Please write a very short story about {hero} {place}.",
    "please make up a bedtime tale with {hero} {place}",
    "Hello, I would like to hear a story about {hero} {place}.",
    "hi ember, tell me a story about {hero} {place}",
    "ok, now a story about {hero} {place}",
    "next one: {hero} {place}",
    "another story, this time about {hero} {place}",
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
    "a tiny story about {hero}",
    "short story about {hero} please",
    "story: {hero}",
    "bedtime story, {hero}",
    "{hero}, a story please",
    "a fairy tale with {hero}",
    "a very short tale starring {hero}",
    "three sentences about {hero}, as a story",
    "invent a story about {hero}",
    "think up a story with {hero} in it",
    "make up a tale about {hero}",
    "imagine a story in which {hero} is the hero",
    "compose a tiny tale about {hero}",
    "narrate an adventure of {hero}",
    "spin a yarn about {hero}",
    "come up with a short story about {hero}",
    "dream up a little story with {hero} in it",
    "Could you tell me a story about {hero}?",
    "could you write a very short story with {hero} in it?",
    "would you tell us a tale about {hero}?",
    "can you make up a bedtime story about {hero}?",
    "may I have a story about {hero}, please?",
    "how about a story with {hero}?",
    "what about a tale of {hero}",
    "do you know a story about {hero}?",
    "got any stories about {hero}?",
    "I'd love a story about {hero}",
    "I'd love to hear a little tale about {hero}.",
    "i would like a short story about {hero}",
    "my son wants a story about {hero}",
    "my daughter wants to hear about {hero}, tell her a story",
    "my child cannot sleep, tell a story about {hero}",
    "grandmother is visiting and wants to hear a story about {hero}",
    "we are on a long train ride, a story about {hero} please",
    "it is a rainy day, tell us a story about {hero}",
    "My class of seven-year-olds would like a story about {hero}.",
    "a story where {hero} is the main character",
    "a story in which {hero} has an adventure",
    "Please tell me a very short story about {hero}.",
    "write a funny little story about {hero}",
    "the hero should be {hero}, now tell a story",
    "another story, but about {hero}",
];

const PLACE: &[&str] = &[
    "tell me a story that happens {place}",
    "a story {place}",
    "a story that takes place {place}",
    "tell a story set {place}",
    "write a story that plays {place}",
    "and one {place}",
    "now one that happens {place}",
    "a tiny story set {place}",
    "short story {place} please",
    "a bedtime story that happens {place}",
    "a fairy tale set {place}",
    "setting: {place}, write a story",
    "{place}, a story please",
    "it should happen {place}, tell me a story",
    "invent a story that takes place {place}",
    "think up a little tale set {place}",
    "make up a story that happens {place}",
    "imagine a story {place}",
    "compose a very short tale that is set {place}",
    "narrate something that happened {place}",
    "spin a yarn that begins {place}",
    "Could you tell me a story that takes place {place}?",
    "would you write a tiny story set {place}?",
    "can you make up a tale that happens {place}?",
    "how about a story {place}?",
    "I'd love a story that is set {place}",
    "my son wants a story that happens {place}",
    "my child cannot sleep, a quiet story set {place} please",
    "It is a rainy day. Tell us a story that takes place {place}.",
    "we live {place}, tell us a story that happens there",
    "a story where everything happens {place}",
    "three sentences, a story set {place}",
    "Please tell me a short story that begins {place}.",
    "another story, this time {place}",
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
    "story please",
    "a story please",
    "a tiny story",
    "just a very short story",
    "a story in three sentences",
    "any story will do",
    "tell me something nice, a story",
    "invent a story",
    "think up a little story for me",
    "make something up, a short tale",
    "compose a tiny tale",
    "spin me a yarn",
    "narrate a short adventure",
    "dream up a story for us",
    "Could you tell me a story?",
    "could you make up a very short story, please?",
    "would you tell us a bedtime story?",
    "may I have a story?",
    "can we have a story now?",
    "how about a story?",
    "how about a little fairy tale",
    "got a story for me?",
    "I'd love a story",
    "I'd love to hear a bedtime story.",
    "my son wants a story",
    "my child cannot sleep, please tell a story",
    "i can't sleep, tell me a story",
    "we are on a long train ride, tell us a story",
    "it is a rainy day and we are bored, a story please",
    "Grandmother is visiting and would like to hear a story.",
    "a short tale for a class of seven-year-olds",
    "Please tell me a story.",
    "surprise me with a story",
];

/// Every way to ask.
pub(crate) const FRAMES: [&[&str]; 4] = [BOTH, HERO, PLACE, NEITHER];

const BEGIN: &[&str] = &[
    "Once upon a time {hero} lived {place}.",
    "There was once {hero}, and the story happened {place}.",
    "One day {hero} woke up {place}.",
    "Long ago {hero} lived {place}.",
    "Last winter {hero} came to live {place}.",
    "In the old days there was {hero}, and home was {place}.",
    "Not so long ago {hero} had a small home {place}.",
    "One bright summer {hero} was living {place}.",
    "Somewhere {place} there lived {hero}.",
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
