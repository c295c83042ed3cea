"""What a store promises, whatever keeps the data."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rightbatch.records import Recording, Study, Trial


class Store(ABC):
    """Keeps studies and their trials.

    What every store promises:

    - **Durable when it returns.** Each writing method is one transaction. When it returns, the
      data survives the death of this process (`kill -9`) and of the machine; when it raises or
      is interrupted, nothing of it is stored.
    - **One writer.** Only the parent process of a study writes, and it holds `writing(name)`
      meanwhile. Trials' own processes never see the store.
    - **One transaction per trial.** A trial is stored whole, before the next one is asked for.
    - **A stored trial never changes.** There is no method to change or delete one, and a number
      already taken is refused.
    - **In order.** Trials come back by ascending number, studies in the order they were made.
    - **Reading while another writes** is allowed and sees whole transactions only; `recording`
      is one snapshot.
    - **Nothing executable.** A workload's pickled factory is never stored, and reading a study
      runs no code of it.
    - **Newer is refused.** A store written by a newer version raises `StoreTooNew` on opening
      and is not written to; an older one is migrated on opening.

    Every method raises `StoreError` where the store cannot be read or written.
    """

    @abstractmethod
    def create_study(self, study: Study, trials: Sequence[Trial] = ()) -> Study:
        """Store a new study under a unique, file-name-safe name, with the trials it brings along.

        Args:
            study: Its `name` is kept where it is safe and free, and numbered on where it is
                taken ("digits-1" becomes "digits-2"); where it is empty, the title of the
                workload is numbered ("digits" becomes "digits-1").
            trials: Trials to store with it, in the same transaction.

        Returns:
            The study as stored: with its new name and without a pickled factory.

        Raises:
            StoreError: A number of the trials cannot be stored.
        """

    @abstractmethod
    def update_study(self, study: Study) -> None:
        """Store the settings, facts and `finished` of the study of that name.

        Raises:
            StudyNotFound: There is no study of that name.
        """

    @abstractmethod
    def add_trial(self, study_name: str, trial: Trial) -> None:
        """Store one trial.

        Raises:
            StudyNotFound: There is no study of that name.
            StoreError: The study has a trial of that number already.
        """

    @abstractmethod
    def trials(self, study_name: str) -> tuple[Trial, ...]:
        """All trials of a study, by ascending number.

        Raises:
            StudyNotFound: There is no study of that name.
        """

    @abstractmethod
    def trial_count(self, study_name: str) -> int:
        """How many trials of a study are stored, none of them read.

        Raises:
            StudyNotFound: There is no study of that name.
        """

    @abstractmethod
    def study(self, name: str) -> Study:
        """The study of that name.

        Raises:
            StudyNotFound: There is none; the message suggests names that are close.
        """

    @abstractmethod
    def studies(self) -> tuple[Study, ...]:
        """All studies, the newest last."""

    @abstractmethod
    def recording(self, name: str) -> Recording:
        """A study with all its trials, as of one moment.

        Raises:
            StudyNotFound: There is no study of that name.
        """

    @abstractmethod
    def writing(self, name: str) -> AbstractContextManager[None]:
        """Exclusive right to work on one study, for the length of a `with` block.

        It ends with the process that holds it, however that dies.

        Raises:
            StudyNotFound: There is no study of that name.
            StoreLocked: Another process holds it.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; the store cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
