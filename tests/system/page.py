"""A page of docs/ whose blocks are followed, in their order, on a machine.

A fence's first word says what the block is, and other words where it goes:
```sh               commands; ```sh WORD: only if the test says what WORD means
```conf title=FILE  a file of that name; append=FILE: more of one"""
import re

import parts

FENCE = re.compile(r"(?ms)^```(?P<kind>[a-z]+)"
                   r"(?: (?:(?P<how>title|append)=(?P<file>\S+)|(?P<word>\w+)))?"
                   r"\n(?P<text>.*?)^```$")


class Page:
    def __init__(self, name):
        text = (parts.ROOT / "docs" / name).read_text()
        self.blocks = [match.groupdict() for match in FENCE.finditer(text)]
        assert 2 * len(self.blocks) == len(re.findall(r"(?m)^```", text)), \
            f"{name}: a fence that is none"

    def files(self):
        return [block["file"] for block in self.blocks if block["file"]]

    def follow(self, machine, **meanings):
        """MEANINGS: what is done with the commands of a block of that word;
        others with a word are left for later."""
        for block in self.blocks:
            file, word = block["file"], block["word"]
            if file and block["how"] == "append":
                with open(machine.file(file), "a") as more:
                    more.write(block["text"])
            elif file:
                machine.write(file, block["text"])
                if block["kind"] == "sh":
                    machine.run(f"chmod 755 {file}")
            elif word is None:
                machine.run("set -e\n" + block["text"])
            elif word in meanings:
                meanings[word](block["text"])

    def run(self, machine, word):
        """What the blocks of WORD print."""
        return "".join(machine.run("set -e\n" + block["text"])
                       for block in self.blocks if block["word"] == word)
