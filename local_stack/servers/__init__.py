"""One module a server: how to start it, wait until it answers, and stop it without a remnant.

Here belongs the handling of server processes. What a server is filled with belongs in
`local_stack.sources`; which servers make up the stack, and the environment variables that describe it,
belong in `local_stack.stack`.
"""

from local_stack.servers.process import Server, ServerFailed

__all__ = ["Server", "ServerFailed"]
