"""What a study does otherwise than the user's own training, in any framework."""


def beyond_the_data(batch_size: int, train_examples: int) -> tuple[str, ...]:
    """That a batch size is larger than the training set, in a sentence; nothing if it is not."""
    if batch_size <= train_examples:
        return ()
    return (
        f"The batch size of {batch_size:,} is larger than the training set: each step has its "
        f"{train_examples:,} examples, at the learning rate that was given for {batch_size:,}.",
    )
