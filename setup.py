"""What a wheel holds: the client alone. Servers run from a checkout (an editable install) or an image."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

#: Packages that the client never imports (tests/integration/test_client.py imports all that it does).
OF_SERVERS = (
    *("web", "worker", "scripts.lab", "scripts.render", "scripts.supervisor"),
    *("shared.collections", "shared.curation", "shared.encoder", "shared.maintenance", "shared.pipeline"),
    *("shared.ranking.fitting", "shared.similar"),
)


class Client(build_py):
    """Python without the servers' packages, and the translations in the form that needs no Babel."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if not self.editable_mode:
            self.packages = [name for name in self.packages or () if not _of_servers(name)]

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po

        for catalogue in sorted(Path("shared/core/translations").glob("*.po")):
            target = Path(self.build_lib) / catalogue.with_suffix(".mo")
            target.parent.mkdir(parents=True, exist_ok=True)
            with catalogue.open("rb") as source, target.open("wb") as file:
                write_mo(file, read_po(source, locale=catalogue.stem))


def _of_servers(name: str) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in OF_SERVERS)


setup(cmdclass={"build_py": Client})
