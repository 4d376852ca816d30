"""A stand-in for a model behind OpenAI's protocol: `POST /v1/chat/completions`, JSON answers, faults on demand.

It reads the song's words as a very small model would; what it says is not meant to be good, only of the right shape.
"""
