"""What the builders of the packaged corpora share."""

import inspect
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import tensorflow_datasets as tfds

Examples = Iterator[tuple[str | int, dict[str, Any]]]  # a key, and the features by name


# mypy does not see the argument, which is of a base class of TFDS.
class PackagedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A corpus that needs nothing but the package index; its docstring is its description.

    A subclass says what its features are and whence they come, and yields its examples.
    """

    VERSION = tfds.core.Version("1.0.0")
    FEATURES: ClassVar[Mapping[str, Any]]
    SUPERVISED: ClassVar[tuple[str, str] | None] = None
    HOMEPAGE: ClassVar[str]
    LICENCE: ClassVar[str]
    CITATION: ClassVar[str]

    def _info(self) -> tfds.core.DatasetInfo:
        config = "" if self.builder_config is None else self.builder_config.description
        description = f"{inspect.getdoc(type(self))}\n\n{config}"
        return tfds.core.DatasetInfo(
            builder=self,
            description=description,
            features=tfds.features.FeaturesDict(self._features()),
            supervised_keys=self.SUPERVISED,
            homepage=self.HOMEPAGE,
            license=self.LICENCE,
            citation=self.CITATION,
        )

    def _features(self) -> Mapping[str, Any]:
        return self.FEATURES  # those of every configuration

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
        del dl_manager  # it downloads from addresses; these data come from the package index
        return {split: self._generate_examples(part) for split, part in self._splits().items()}

    @abstractmethod
    def _splits(self) -> Mapping[str, Iterable]:
        """The records of each split, for `_generate_examples`."""

    @abstractmethod
    def _generate_examples(self, part: Iterable) -> Examples:
        """Yields a key and the features of each record."""
