"""`dicomnode bundle`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, err, out, read_settings, show_json, show_rows
from dicomnode.errors import BundleError, PermanentError

if TYPE_CHECKING:
    from dicomnode.infer.bundle import Bundle

app = typer.Typer(name="bundle", help="Model bundles.", no_args_is_help=True)

BundleArgument = Annotated[str, typer.Argument(help="Path of a bundle folder, or the name of a shipped bundle.")]


def bundle_folder(name: str) -> Path:
    """Folder of a bundle that is named by its path or, when shipped, by its name."""
    from dicomnode.bundles import shipped_bundle

    return shipped_bundle(name) or Path(name)


@app.command("list")
def list_(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the bundles of the settings."""
    from dicomnode.infer.bundle import load_bundle
    from dicomnode.node.rooms import bundle_paths

    rows = []
    for name, path in bundle_paths(read_settings(settings)).items():
        bundle = load_bundle(path)
        rows.append({"name": name, "version": bundle.identity.version, "title": bundle.title, **_facts(bundle)})
    columns = ("name", "version", "title", "modalities", "findings", "digest")
    show_rows(rows, columns, as_json=as_json, empty="no bundle in infer.bundles")


@app.command()
def show(bundle: BundleArgument, as_json: JsonOption = False) -> None:
    """Show what a bundle reads and reports, and its model card."""
    from dicomnode.infer.bundle import load_bundle

    loaded = load_bundle(bundle_folder(bundle))
    card = (loaded.folder / "card.md").read_text(encoding="utf-8")
    if as_json:
        identity = loaded.identity
        show_json({"name": identity.name, "version": identity.version, **_facts(loaded), "card": card})
        return
    out.print(card, markup=False, highlight=False)


@app.command()
def check(bundle: BundleArgument) -> None:
    """Check whether the node can run a bundle; if it cannot, list every reason."""
    from dicomnode.infer.bundle import check_bundle

    faults = check_bundle(bundle_folder(bundle))
    for fault in faults:
        out.print(fault, markup=False, highlight=False, soft_wrap=True)
    if faults:
        raise BundleError(f"{bundle} cannot be run: {len(faults)} fault{'s' if len(faults) > 1 else ''}")
    err.print(f"{bundle} can be run")


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(help="onnx-classifier, hf-classifier or hf-captioner.")],
    source: Annotated[Path, typer.Argument(help="ONNX file, or folder of a Hugging Face checkpoint.")],
    about: Annotated[Path, typer.Option(help="TOML file with the tables of bundle.toml that describe the model.")],
    bundle: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
) -> None:
    """Pack a model that was trained elsewhere as a bundle (extra: train)."""
    _require_extra("onnx" if kind == "onnx-classifier" else "torch")
    from dicomnode.train.imports.about import read_about
    from dicomnode.train.imports.pack import import_bundle

    import_bundle(kind, source, read_about(about), bundle)
    err.print(f"wrote the bundle {bundle}")


def _facts(bundle: Bundle) -> dict[str, object]:
    return {
        "modalities": list(bundle.accepts.modalities),
        "findings": [finding.key for finding in bundle.findings],
        "digest": bundle.identity.digest,
    }


def _require_extra(library: str) -> None:
    if find_spec(library) is None:
        raise PermanentError(f"importing needs {library}: pip install 'dicomnode-ai[train]' -c constraints.txt")
