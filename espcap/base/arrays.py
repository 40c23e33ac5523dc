"""Arrays of numbers and of texts, in which columns are passed on."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]


class Texts(NamedTuple):
    """Distinct texts."""

    ends: Array
    """For each text its end in `content`, as uint32."""
    content: memoryview
    """All texts in UTF-8, one after the other."""

    def decode(self) -> list[str]:
        """Returns the texts."""
        whole, start, texts = bytes(self.content), 0, []
        for end in self.ends.tolist():
            texts.append(whole[start:end].decode())
            start = end
        return texts
