"""The models that the workers of a node read with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dicomnode.errors import BundleError
from dicomnode.infer.bundle import load_bundle
from dicomnode.infer.cache import EncodingCache
from dicomnode.infer.ensemble import Ensemble, Reader
from dicomnode.infer.model import Model
from dicomnode.node.rooms import ensemble_paths
from dicomnode.settings import InferSettings


class Models:
    """The bundles of the settings, each loaded at its first use."""

    def __init__(self, paths: Mapping[str, Path], settings: InferSettings) -> None:
        self._paths = paths
        self._beside = ensemble_paths(settings)
        self._settings = settings
        self._cache = EncodingCache(settings.cache_images)
        self._loaded: dict[str, Reader] = {}

    def get(self, name: str) -> Reader:
        """The model of a bundle.

        Raises
        ------
        BundleError
            If the bundle is not in the settings or cannot be run.
        """
        if name not in self._paths:
            known = ", ".join(sorted(self._paths)) or "none"
            raise BundleError(f"bundle {name!r} is not in infer.bundles any more; known: {known}")
        if name not in self._loaded:
            first, *others = (self._opened(path) for path in (self._paths[name], *self._beside.get(name, ())))
            self._loaded[name] = Ensemble(first, others) if others else first
        return self._loaded[name]

    def _opened(self, path: Path) -> Model:
        return Model(load_bundle(path), self._settings, cache=self._cache)
