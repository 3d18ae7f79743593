"""Extension of Griffe: parameters that share a line of a docstring keep a type each."""

from __future__ import annotations

from typing import Any

import griffe


class OwnTypes(griffe.Extension):
    """Give ``a, b, c`` in a docstring, written without a type, the annotations of a, b and c, not all that of a."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Correct a package that was loaded."""
        self._correct(pkg)

    def _correct(self, object_: Any) -> None:
        for member in object_.members.values():
            if not member.is_alias:
                self._correct(member)
        parameters = getattr(object_, "parameters", None)
        if not object_.docstring or not parameters:
            return
        taken = {id(p.annotation) for p in parameters}
        for section in object_.docstring.parsed:
            if section.kind is griffe.DocstringSectionKind.parameters:
                for entry in section.value:
                    if id(entry.annotation) in taken and entry.name in parameters:
                        entry.annotation, entry.value = (
                            parameters[entry.name].annotation,
                            parameters[entry.name].default,
                        )
