"""Records what transformers makes of `conversations.json` with real chat templates: `renderings.txt`.

    python make.py                            # needs transformers 5.23 or later, and the golden data
    python make.py --show TEMPLATE NAME       # prints one rendering

The texts of the templates are not kept, and of their renderings only the hashes (FNV-1a, 64 bits). A line is the hash of a
template, then of its renderings in the order of the conversations: `!` where the template itself refuses
(`raise_exception`), `-` where it fails. Reasoning is given under the key that the template reads.
"""

import copy
import datetime
import json
import os
import pathlib
import sys

import transformers.utils.chat_template_utils as chat

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = pathlib.Path(os.environ.get("INGLE_GOLDEN", HERE / "../../../../shared/golden"))
KEYS = ("reasoning_content", "thinking", "reasoning")
HEADER = "# A template's hash, then those of its renderings of `conversations.json`; `!` refused, `-` failed.\n"


class Noon(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 1, 15, 12, 0, 0)


chat.datetime = Noon


def fnv(text):
    state = 0xCBF29CE484222325
    for byte in text.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return f"{state:016x}"


def key_of(source):
    """The key under which a template looks for reasoning; as `ReasoningKey` in `engine::template`."""
    uses = lambda key: any(it in source for it in (f".{key}", f"'{key}'", f'"{key}"'))
    return next((key for key in KEYS if uses(key)), KEYS[0])


def messages_for(source, messages):
    key = key_of(source)
    return [{key if name == KEYS[0] else name: it for name, it in message.items()} for message in messages]


def variables(source, case, tools):
    case = copy.deepcopy(case)
    return {
        "messages": messages_for(source, case["messages"]),
        "tools": copy.deepcopy(tools) if case.get("tools") else None,
        "documents": case.get("documents"),
        "add_generation_prompt": case.get("add_generation_prompt", True),
        "kwargs": {"bos_token": "<s>", "eos_token": "</s>", **case.get("kwargs", {})},
    }


def rendered(source, case, tools):
    """The text; `!` and the words of a refusal; `-` and what failed."""
    it = variables(source, case, tools)
    try:
        texts, _ = chat.render_jinja_template(
            [it["messages"]],
            tools=it["tools"],
            documents=it["documents"],
            chat_template=source,
            add_generation_prompt=it["add_generation_prompt"],
            **it["kwargs"],
        )
        return texts[0], None
    except Exception as error:
        refused = type(error).__name__ == "TemplateError"
        return None, ("!" if refused else "-", f"{type(error).__name__}: {error}")


def sources():
    folder = GOLDEN / "chat_templates"
    found = {}
    for path in sorted(folder.glob("*.jinja")) + sorted((folder / "all").glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        found.setdefault(fnv(source), (path.stem, source))
    return found


def main():
    recorded = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    tools, cases = recorded["tools"], recorded["cases"]
    if sys.argv[1:2] == ["--show"]:
        template, name = sys.argv[2:]
        source = next(it[1] for it in sources().values() if it[0] == template)
        print(*rendered(source, next(it for it in cases if it["name"] == name), tools), sep="\n")
        return
    lines = [HEADER]
    for key, (_, source) in sources().items():
        made = [rendered(source, case, tools) for case in cases]
        hashes = [error[0] if error else fnv(text) for text, error in made]
        lines.append(f"{key} {' '.join(hashes)}\n")
    (HERE / "renderings.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
