"""The interface of a store and its guarantees, whatever the database."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Self

from rightbatch.records import Recording, Study, Trial


class Store(ABC):
    """Stores studies and their trials.

    Every store guarantees:

    - **Durability.** Each writing method is one transaction. When it returns, the data survives
      the death of this process (`kill -9`) and of the machine; when it raises or is interrupted,
      nothing of it is stored.
    - **One writer.** Only the parent process of a study writes, and holds `writing(name)` while it
      does. Trials' own processes never open the store.
    - **One transaction per trial.** A trial is stored whole, before the next one is chosen.
    - **Stored trials never change.** There is no method to change or delete one, but only a whole
      study, and a number already taken is refused.
    - **One damaged study disables no other.** It is left out of `studies`, and named by `damaged`.
    - **Order.** Trials are returned by ascending number, studies in order of creation.
    - **Reading during writing** is allowed and sees whole transactions only; `recording` is one
      snapshot.
    - **Nothing executable.** A workload's pickled factory is never stored, and reading a study
      runs none of its code.
    - **Newer stores are refused.** Opening a store written by a newer version raises `StoreTooNew`
      and writes nothing; an older one is migrated.

    Every method raises `StoreError` if the store cannot be read or written.
    """

    @abstractmethod
    def create_study(self, study: Study, trials: Sequence[Trial] = ()) -> Study:
        """Store a new study under a unique, file-name-safe name, with its trials so far.

        Args:
            study: Its `name` is kept if it is safe and free, and numbered if it is taken
                ("digits-1" becomes "digits-2"); if it is empty, the title of the workload is
                numbered ("digits" becomes "digits-1").
            trials: Trials to store with it, in the same transaction.

        Returns:
            The study as stored: with its new name and without a pickled factory.

        Raises:
            StoreError: The number of a trial cannot be stored.
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
            StoreError: The study already has a trial of that number.
        """

    @abstractmethod
    def trials(self, study_name: str) -> tuple[Trial, ...]:
        """All trials of a study, by ascending number.

        Raises:
            StudyNotFound: There is no study of that name.
        """

    @abstractmethod
    def trial_count(self, study_name: str) -> int:
        """Number of stored trials of a study, without reading them.

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
        """All studies that can be read, the newest last."""

    @abstractmethod
    def damaged(self) -> dict[str, str]:
        """Names of the studies that cannot be read, in order, and what is wrong with each."""

    @abstractmethod
    def delete_study(self, name: str) -> int:
        """Delete a study with its trials, a damaged one too.

        Returns:
            The number of trials deleted.

        Raises:
            StudyNotFound: There is no study of that name.
            StoreLocked: Another process writes it.
        """

    @abstractmethod
    def recording(self, name: str) -> Recording:
        """A study with all its trials, as one snapshot.

        Raises:
            StudyNotFound: There is no study of that name.
        """

    @abstractmethod
    def writing(self, name: str) -> AbstractContextManager[None]:
        """Lock one study for writing, within a `with` block.

        The lock ends with the process that holds it, however that dies.

        Raises:
            StudyNotFound: There is no study of that name.
            StoreLocked: Another process holds it.
        """

    @abstractmethod
    def close(self) -> None:
        """Close files and connections; the store cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
