"""`python -m docs.generate`: fill every generated block; with `--check`, say which files are stale."""

from __future__ import annotations

import sys

from docs.generate.blocks import DOCS, filled


def main(arguments: list[str]) -> int:
    """Return 0 if every page is as it should be, 1 if `--check` found a stale one."""
    stale = []
    for page in sorted(DOCS.glob("*.md")):
        written = page.read_text(encoding="utf-8")
        made = filled(written)
        if made == written:
            continue
        stale.append(page.name)
        if "--check" not in arguments:
            page.write_text(made, encoding="utf-8")
    if stale:
        sys.stdout.write(f"{'stale' if '--check' in arguments else 'wrote'}: {', '.join(stale)}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
