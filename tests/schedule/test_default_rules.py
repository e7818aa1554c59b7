"""The rules of settings that name none."""

from __future__ import annotations

import pytest

from dicomnode.settings import InferSettings, Settings


@pytest.mark.parametrize(
    ("bundles", "names"),
    [
        (("cxr", "head_ct"), ["chest-film", "head-ct"]),
        (("cxr",), ["chest-film"]),
        (("./mine",), []),
    ],
)
def test_default_rules_are_those_of_the_named_bundles(bundles: tuple[str, ...], names: list[str]):
    """Settings that name one shipped bundle need no rules of their own."""
    assert names == [rule.name for rule in Settings(infer=InferSettings(bundles=bundles)).rules]


def test_a_head_ct_is_read_by_default():
    """Without any settings both bundles that were trained on patients are used, and the synthetic one is not."""
    settings = Settings()

    assert ("cxr", "head_ct") == settings.infer.bundles
    assert {"cxr", "head_ct"} == {rule.bundle for rule in settings.rules}
