"""The model registry: which model is in use, which one was before, and where their weights lie.

MLflow's registry holds names only. Weights stay in DVC: a version says by tags which commit and which md5 of `models/release`
it is, so that `dvc get` brings exactly that model. Three aliases move over the versions: `challenger` (registered last),
`champion` (in use) and `previous` (what a rollback brings back).

MLflow moves one alias at a time. A promotion therefore first writes down what it is about to do (a tag on the registered
model), and whoever comes next finishes what was begun: a kill between two moves leaves nothing half done for long.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from stages.errors import UserError
from stages.params.tracking import TrackingParams
from stages.tracking import delivery
from stages.tracking.exclusion import alone

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"
ALIASES = (CHALLENGER, CHAMPION, PREVIOUS)
COMMIT, RELEASE, TEST, METRIC = "git.commit", "dvc.release", "data.test", "metric."
INTENT = "whetstone.intent"


class RegistryError(UserError):
    """The registry cannot be reached."""


class RefusedError(UserError):
    """The registry can be reached, and what was asked would be wrong."""

    exit_code = 1


@dataclass(frozen=True)
class Version:
    """A registered model.

    Attributes:
        number: MLflow's, from 1.
        commit: that holds its `dvc.lock` and params.
        release: DVC's md5 of `models/release`.
        test: sha256 of the test split that its metrics are of.
        metrics: scalars of the evaluation, by dotted name.
        aliases: that point to it.
    """

    number: str
    commit: str
    release: str
    test: str
    metrics: dict[str, float] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"version {self.number} (commit {self.commit[:12]}, release {self.release[:12]})"


class Registry:
    """The registered model of a project.

    Args:
        settings: the `tracking` section; the model's name is `registered_model`, or the experiment's.
    """

    def __init__(self, settings: TrackingParams) -> None:
        self.uri = delivery.store(settings.uri)
        self.name = settings.registered_model or settings.experiment
        with _reached(self.uri):
            self.mlflow = delivery.client(settings.uri)

    def register(self, version: Version) -> tuple[Version, bool]:
        """Make a version the challenger; one of the same commit and release is not made again.

        Args:
            version: its number and aliases do not matter.

        Returns:
            The version with its number, and whether it is new.
        """
        with self._changing():
            found = self.find(version.commit, version.release)
            number = found.number if found else self._create(version)
            if found is None or CHAMPION not in found.aliases:
                self.mlflow.set_registered_model_alias(self.name, CHALLENGER, number)
            return self._get(number), found is None

    def promote(self, number: str, expected: str | None) -> tuple[Version, Version | None] | None:
        """Make a version the champion, and the champion the previous one.

        Args:
            number: of the version.
            expected: number of the version that has to be champion now; None does not ask, `none` expects there to be none.

        Returns:
            The new champion and the one before; None when the version is champion already.

        Raises:
            RefusedError: the champion is not the expected one.
        """
        with self._changing():
            champion = self.holder(CHAMPION)
            if champion is not None and champion.number == number:
                return None
            found = champion.number if champion else "none"
            if expected is not None and expected != found:
                raise RefusedError(
                    f"the champion is {champion or 'none'}, not version {expected}: another model was promoted in the "
                    "meantime. Compare with it (`python -m stages.gate compare --baseline @champion`) and promote again."
                )
            challenger = self.holder(CHALLENGER)
            moves = {CHAMPION: number, PREVIOUS: champion.number if champion else None}
            if challenger is not None and challenger.number == number:
                moves[CHALLENGER] = None
            self._move(moves)
            return self._get(number), champion

    def rollback(self) -> tuple[Version, Version]:
        """Make the previous model the champion again; the champion becomes the challenger, and there is no previous one.

        Returns:
            The champion from now on, and the one until now.

        Raises:
            RefusedError: there is no previous one.
        """
        with self._changing():
            champion, previous = self.holder(CHAMPION), self.holder(PREVIOUS)
            if champion is None or previous is None:
                raise RefusedError(
                    f"{self.name}: there is no previous champion to go back to. "
                    "Check out the commit that you want, and register and promote its model."
                )
            self._move({CHAMPION: previous.number, PREVIOUS: None, CHALLENGER: champion.number})
            return self._get(previous.number), champion

    def holder(self, alias: str) -> Version | None:
        """The version that an alias points to."""
        number = self._aliases().get(alias)
        return self._get(number) if number else None

    def find(self, commit: str, release: str) -> Version | None:
        """The version of a commit and a release."""
        with _reached(self.uri):
            found = self.mlflow.search_model_versions(f"name = '{self.name}'")
        for one in sorted(found, key=lambda each: int(each.version)):
            if (one.tags.get(COMMIT), one.tags.get(RELEASE)) == (commit, release):
                return self._get(str(one.version))
        return None

    def _aliases(self) -> dict[str, str]:
        from mlflow.exceptions import MlflowException

        with _reached(self.uri):
            try:
                found = self.mlflow.get_registered_model(self.name).aliases
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return {}
                raise
        return {alias: str(number) for alias, number in found.items()}

    def _get(self, number: str) -> Version:
        with _reached(self.uri):
            tags = self.mlflow.get_model_version(self.name, number).tags
        metrics = {key.removeprefix(METRIC): float(value) for key, value in tags.items() if key.startswith(METRIC)}
        aliases = tuple(sorted(alias for alias, holder in self._aliases().items() if holder == number))
        return Version(number, tags.get(COMMIT, ""), tags.get(RELEASE, ""), tags.get(TEST, ""), metrics, aliases)

    def _create(self, version: Version) -> str:
        metrics = {f"{METRIC}{key}": repr(value) for key, value in sorted(version.metrics.items())}
        tags = {COMMIT: version.commit, RELEASE: version.release, TEST: version.test, **metrics}
        # A reference, not a place that MLflow could read: DVC has the weights.
        made = self.mlflow.create_model_version(self.name, f"dvc://{version.release}/models/release", tags=tags)
        return str(made.version)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone with the registered model, which exists, and with whatever was begun before finished."""
        from mlflow.exceptions import MlflowException

        with _reached(self.uri):
            try:
                self.mlflow.create_registered_model(self.name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            with alone(self.mlflow, self.name, self.uri):
                begun = self.mlflow.get_registered_model(self.name).tags.get(INTENT)
                if begun:
                    self._apply(json.loads(begun))
                yield

    def _move(self, moves: Mapping[str, str | None]) -> None:
        """Write down what is about to happen, and do it."""
        self.mlflow.set_registered_model_tag(self.name, INTENT, json.dumps(moves))
        self._apply(moves)

    def _apply(self, moves: Mapping[str, str | None]) -> None:
        present = self._aliases()
        for alias, number in moves.items():
            if number is not None:
                self.mlflow.set_registered_model_alias(self.name, alias, number)
            elif alias in present:
                self.mlflow.delete_registered_model_alias(self.name, alias)
        self.mlflow.delete_registered_model_tag(self.name, INTENT)


@contextmanager
def _reached(uri: str) -> Iterator[None]:
    """Whatever MLflow raises is a `RegistryError`; here its answer is asked for, unlike in a stage."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise RegistryError(
            f"the model registry at {uri} does not answer ({reason}). Check tracking.uri, and that the server runs."
        ) from error
