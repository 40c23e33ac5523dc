"""Ends a program together with espcap, however espcap ends."""

import subprocess

from espcap.base.errors import EspcapError


class Guard:
    """A shell that kills a process when we end, however that is.

    The kernel's own signal for that (see Process) is no help with a dumpcap that has its rights from its file: the
    kernel takes the signal back from such a program.
    """

    def __init__(self, process: int) -> None:
        command = ["/bin/sh", "-c", 'read -r _; kill -KILL "$0"', str(process)]
        try:
            self._shell = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise EspcapError(f"cannot run /bin/sh: {error.strerror}", "espcap needs a shell to capture") from error

    def dismiss(self) -> None:
        """The process has ended; the shell must not kill another of the same number."""
        self._shell.kill()
        self._shell.wait()
        assert self._shell.stdin
        self._shell.stdin.close()
