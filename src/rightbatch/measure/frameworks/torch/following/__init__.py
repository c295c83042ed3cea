"""The memory of training steps, followed tensor by tensor."""
