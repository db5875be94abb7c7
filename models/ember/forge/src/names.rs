//! Names: of people, animals and places that exist, and of such as nobody heard before, so that
//! Ember learns to repeat what it is told instead of what it knows.

use fastrand::Rng;

use crate::{
    pattern::word,
    speech::{capital, chance},
};

/// People, without those whose names are made up.
pub(crate) const PEOPLE: &[&str] = &[
    "Ada", "Adam", "Alex", "Alice", "Amir", "Ana", "Andrea", "Anna", "Arthur", "Aya", "Ben", "Bob",
    "Carla", "Carlos", "Chen", "Clara", "Daniel", "David", "Diana", "Elena", "Eli", "Ella", "Emil",
    "Emma", "Eva", "Farid", "Felix", "Fiona", "Frank", "Gina", "Hana", "Hans", "Hugo", "Ida",
    "Ines", "Ivan", "Jack", "Jan", "Jana", "Jo", "John", "Jonas", "Julia", "Karim", "Kate", "Kim",
    "Lara", "Lea", "Leo", "Lily", "Lin", "Lucas", "Lucy", "Luis", "Maja", "Maria", "Marie", "Mark",
    "Martin", "Max", "Maya", "Mia", "Mina", "Mohamed", "Nadia", "Nina", "Noah", "Nora", "Olga",
    "Oscar", "Otto", "Paul", "Peter", "Priya", "Rafael", "Rita", "Robin", "Rosa", "Sam", "Sara",
    "Sofia", "Susan", "Tariq", "Theo", "Tim", "Tom", "Vera", "Victor", "Wei", "Will", "Yuki",
    "Yusuf", "Zoe",
];

const BEINGS: &[&str] = &[
    "ant",
    "baker",
    "bear",
    "bee",
    "bird",
    "boy",
    "camel",
    "cat",
    "chicken",
    "cook",
    "cow",
    "crab",
    "dancer",
    "deer",
    "dog",
    "donkey",
    "dragon",
    "duck",
    "elephant",
    "farmer",
    "fisherman",
    "fox",
    "frog",
    "gardener",
    "ghost",
    "giant",
    "giraffe",
    "girl",
    "goat",
    "goose",
    "hedgehog",
    "hen",
    "horse",
    "kitten",
    "knight",
    "lion",
    "lizard",
    "mermaid",
    "mole",
    "monkey",
    "monster",
    "mouse",
    "octopus",
    "owl",
    "panda",
    "parrot",
    "penguin",
    "pig",
    "pirate",
    "pony",
    "prince",
    "princess",
    "puppy",
    "queen",
    "rabbit",
    "robot",
    "sailor",
    "seal",
    "sheep",
    "snail",
    "snake",
    "spider",
    "squirrel",
    "star",
    "teacher",
    "tiger",
    "tortoise",
    "train",
    "tree",
    "turtle",
    "unicorn",
    "whale",
    "witch",
    "wizard",
    "wolf",
    "worm",
    "king",
    "hamster",
    "teapot",
    "snowman",
    "cloud",
    "astronaut",
    "dinosaur",
    "scarecrow",
    "alligator",
    "badger",
    "bat",
    "beaver",
    "beetle",
    "butterfly",
    "caterpillar",
    "clown",
    "crocodile",
    "crow",
    "doctor",
    "dolphin",
    "dwarf",
    "eagle",
    "elf",
    "fairy",
    "firefighter",
    "fish",
    "flamingo",
    "gorilla",
    "grandmother",
    "hippo",
    "inventor",
    "jellyfish",
    "kangaroo",
    "kite",
    "koala",
    "ladybird",
    "lamb",
    "lantern",
    "miller",
    "moose",
    "nurse",
    "ostrich",
    "otter",
    "painter",
    "peacock",
    "pigeon",
    "piglet",
    "polar bear",
    "postman",
    "raccoon",
    "raven",
    "shark",
    "shepherd",
    "shoemaker",
    "singer",
    "sloth",
    "snowflake",
    "swan",
    "tailor",
    "toad",
    "tractor",
    "troll",
    "umbrella",
    "walrus",
    "zebra",
];

const MANNERS: &[&str] = &[
    "brave", "little", "old", "young", "clever", "shy", "happy", "sad", "lonely", "tiny",
    "curious", "hungry", "lazy", "kind", "funny", "sleepy", "green", "blue", "red", "white",
    "grumpy", "friendly", "lost", "small", "big", "silly", "quiet", "proud", "gentle",
];

const PLACES: &[&str] = &[
    "in a forest",
    "in the forest",
    "on the moon",
    "in a castle",
    "in an old castle",
    "in a library",
    "in Paris",
    "in London",
    "in a village",
    "by the sea",
    "at the seaside",
    "on an island",
    "on a mountain",
    "in the mountains",
    "in a garden",
    "in a school",
    "in the desert",
    "under the sea",
    "at the bottom of the sea",
    "in a cave",
    "on a farm",
    "in a big city",
    "in the snow",
    "at the north pole",
    "in space",
    "on Mars",
    "in the jungle",
    "in a tree house",
    "on a ship",
    "in a kitchen",
    "at a market",
    "by a river",
    "by the lake",
    "in a museum",
    "in a bakery",
    "on a train",
    "in a tower",
    "in Africa",
    "in Japan",
    "in New York",
    "in a swamp",
    "in a meadow",
    "in a lighthouse",
    "in the clouds",
    "in a little house",
    "in a hospital",
    "in a zoo",
    "at a station",
    "in a cellar",
    "in an attic",
    "in Rome",
    "in Berlin",
    "in a volcano",
    "on a beach",
    "in the park",
    "in a shop",
    "at the airport",
    "in a wood",
    "in the rain forest",
    "in a hotel",
    "in a theatre",
    "in a palace",
    "in a barn",
    "in a church",
    "in a tent",
    "in a windmill",
    "in a factory",
    "in a submarine",
    "in a balloon",
    "in a circus",
    "in a toy shop",
    "in a bookshop",
    "in a flower shop",
    "in a cafe",
    "in a restaurant",
    "in a classroom",
    "in a playground",
    "in a greenhouse",
    "in a small town",
    "in a quiet street",
    "in a valley",
    "in a field",
    "in a vineyard",
    "in an orchard",
    "in an apple tree",
    "in an igloo",
    "in a haunted house",
    "in a log cabin",
    "in a hollow tree",
    "in a nest",
    "in a pond",
    "in a puddle",
    "on a pirate ship",
    "in a spaceship",
    "in a rocket",
    "in a cupboard",
    "in a shoe box",
    "in a bathtub",
    "in the ocean",
    "in the city",
    "in the country",
    "in the harbour",
    "in the bathroom",
    "in the garage",
    "in the stable",
    "in the sky",
    "in the woods",
    "in the savanna",
    "in outer space",
    "in the Alps",
    "in Egypt",
    "in India",
    "in China",
    "in Italy",
    "in Spain",
    "in Brazil",
    "in Canada",
    "in Australia",
    "in Vienna",
    "in Venice",
    "in Madrid",
    "in Tokyo",
    "in Antarctica",
    "on a bus",
    "on a boat",
    "on a cloud",
    "on a hill",
    "on a rooftop",
    "on a balcony",
    "on a bridge",
    "on a raft",
    "on the beach",
    "on the farm",
    "on a glacier",
    "on a desert island",
    "on a distant planet",
    "at a bus stop",
    "at a fair",
    "at school",
    "at the south pole",
    "at the end of the world",
    "at the edge of a forest",
    "at the top of a mountain",
    "behind a waterfall",
    "behind the moon",
    "beside a fountain",
    "by a waterfall",
    "near a volcano",
    "under a bridge",
    "under a bed",
    "under the ground",
    "under an old oak",
    "under a big mushroom",
    "between two hills",
];

const SPOTS: &[&str] = &[
    "forest", "castle", "village", "garden", "house", "cave", "city", "kitchen", "library",
    "school", "town", "valley", "shop", "tower", "barn", "harbour", "hotel", "palace", "street",
    "wood", "hut", "ship", "desert", "jungle", "museum", "park", "factory", "theatre", "church",
];

const SITES: &[&str] = &[
    "the valley of",
    "the town of",
    "the land of",
    "the village of",
    "the kingdom of",
    "the harbour of",
    "the hills of",
    "the city of",
    "a town called",
    "a place called",
    "the woods of",
    "the island of",
    "a planet called",
    "a village called",
];

/// A name that nobody bears.
pub(crate) fn unheard(rng: &mut Rng) -> String {
    let mut name = String::new();
    for _ in 0..rng.usize(2..4) {
        name += word(
            rng,
            &[
                "b", "br", "d", "dr", "f", "g", "gr", "h", "k", "kl", "l", "m", "n", "p", "r", "s",
                "st", "t", "tr", "v", "w", "z",
            ],
        );
        name += word(rng, &["a", "e", "i", "o", "u", "ai", "ou", "ee"]);
    }
    capital(&(name + word(rng, &["", "", "n", "r", "l", "s", "x", "ck", "m"])))
}

/// The name of a person.
pub(crate) fn person(rng: &mut Rng) -> String {
    match chance(rng, 35) {
        true => unheard(rng),
        false => word(rng, PEOPLE).to_string(),
    }
}

/// A hero: as asked for (`a brave fox`, `Anna`) and as called after that (`the fox`, `Anna`).
pub(crate) fn hero(rng: &mut Rng) -> (String, String) {
    let being = word(rng, BEINGS);
    match rng.u8(..10) {
        0 => {
            let being = unheard(rng).to_lowercase();
            (article(&being), format!("the {being}"))
        }
        1..4 => (article(being), format!("the {being}")),
        4..7 => (article(&format!("{} {being}", word(rng, MANNERS))), format!("the {being}")),
        7 => {
            let name = person(rng);
            (format!("{} called {name}", article(being)), name)
        }
        _ => {
            let name = person(rng);
            (name.clone(), name)
        }
    }
}

/// Heroes as they may be asked for, without those whose names are made up.
pub(crate) fn heroes() -> Vec<String> {
    let plain = BEINGS.iter().map(|being| article(being));
    let manners = BEINGS
        .iter()
        .flat_map(|being| MANNERS.iter().map(move |manner| article(&format!("{manner} {being}"))));
    let called = BEINGS.iter().flat_map(|being| {
        PEOPLE.iter().map(move |name| format!("{} called {name}", article(being)))
    });
    let people = PEOPLE.iter().map(|name| (*name).to_owned());
    plain.chain(manners).chain(called).chain(people).collect()
}

/// A hero whom everybody knows.
pub(crate) fn plain_hero(rng: &mut Rng) -> (String, String) {
    let being = word(rng, BEINGS);
    (article(being), format!("the {being}"))
}

/// A place that everybody knows, with its preposition.
pub(crate) fn plain_place(rng: &mut Rng) -> String {
    word(rng, PLACES).to_owned()
}

/// A place, with its preposition.
pub(crate) fn place(rng: &mut Rng) -> String {
    match rng.u8(..10) {
        0..5 => word(rng, PLACES).to_string(),
        5 | 6 => {
            let (how, where_) = (word(rng, MANNERS), word(rng, SPOTS));
            format!("in {}", article(&format!("{how} {where_}")))
        }
        7..9 => format!("in {} {}", word(rng, SITES), unheard(rng)),
        _ => format!("in {}", unheard(rng)),
    }
}

/// Places as they may be asked for, without those whose names are made up.
pub(crate) fn places() -> Vec<String> {
    let spots = MANNERS.iter().flat_map(|manner| {
        SPOTS.iter().map(move |spot| format!("in {}", article(&format!("{manner} {spot}"))))
    });
    PLACES.iter().map(|it| (*it).to_owned()).chain(spots).collect()
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    // One says "a unicorn".
    let article = if noun.starts_with("uni") { "a" } else { article };
    format!("{article} {noun}")
}
